//! Subscriptions with wildcards: what they hear from every side, in which order, and what is refused.

use ringwire::{CommandError, TopicNameError};

use crate::broadcast::{Topics, expect_nothing_more, spread, subscriber};
use crate::common::{Raw, TestServer, config, eventually};

#[test]
fn patterns_hear_what_matches_from_connections_and_from_the_handle() {
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut one = spread(&server, "sport.*.scores", 8);
        let mut rest = spread(&server, "sport.>", 8);
        let mut publisher = Raw::open(server.addr());
        publisher.send_text("sport.tennis.scores!1 sport.tennis!2 sport!3 sport.golf.scores.final!4 golf.x.scores!5");
        server.handle().publish("sport.golf.scores", "6").unwrap();
        for client in &mut one {
            let mut heard = [client.text(), client.text()];
            heard.sort();
            assert_eq!(heard, ["1", "6"]);
        }
        for client in &mut rest {
            let mut heard = [(); 4].map(|()| client.text());
            heard.sort();
            assert_eq!(heard, ["1", "2", "4", "6"]);
        }
        one.iter_mut().chain(&mut rest).for_each(expect_nothing_more);
        drop((one, rest, publisher));
        server.finish();
    }
}

/// Also on the other shard, where the turn's publications come as one batch.
#[test]
fn a_patterns_subscriber_hears_topics_in_the_publishers_order() {
    const ROUNDS: usize = 300;
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut clients = spread(&server, "a.*", 8);
        let mut publisher = Raw::open(server.addr());
        for round in 0..ROUNDS {
            publisher.send_text(&format!("a.x!{round}/0 a.y!{round}/1 b!no a.x!{round}/2 a.z!{round}/3 a.y!{round}/4"));
        }
        for client in &mut clients {
            for (round, index) in (0..ROUNDS).flat_map(|round| (0..5).map(move |index| (round, index))) {
                assert_eq!(client.text(), format!("{round}/{index}"));
            }
            expect_nothing_more(client);
        }
        for index in 0..100 {
            server.handle().publish(["a.x", "a.y"][index % 2], index.to_string().as_str()).unwrap();
        }
        for client in &mut clients {
            (0..100).for_each(|index| assert_eq!(client.text(), index.to_string()));
        }
        drop((clients, publisher));
        server.finish();
    }
}

#[test]
fn overlapping_subscriptions_each_get_their_copy_and_publishers_to_others_none() {
    for shards in [1, 2] {
        let server = TestServer::start(config(shards), || Topics);
        let mut clients = spread(&server, "a.b", 6);
        for client in &mut clients {
            client.send_text("+a.* +a.> +*.b +c");
            (0..4).for_each(|_| assert_eq!(client.text(), "+Ok(())"));
        }
        let last = clients.len() - 1;
        clients[last].send_text("a.b~one a.b!two a.c~three");
        for client in &mut clients[..last] {
            let mut heard = [(); 10].map(|()| client.text());
            heard.sort();
            assert_eq!(heard, ["one", "one", "one", "one", "three", "three", "two", "two", "two", "two"]);
        }
        (0..4).for_each(|_| assert_eq!(clients[last].text(), "two"));
        clients.iter_mut().for_each(expect_nothing_more);
        drop(clients);
        server.finish();
    }
}

#[test]
fn unsubscribing_from_a_pattern_leaves_the_others() {
    let server = TestServer::start(config(1), || Topics);
    let mut client = subscriber(&server, "a.*");
    client.send_text("+a.> -a.* -a.b -a..* -*");
    let answers = [(); 5].map(|()| client.text());
    assert_eq!(answers, ["+Ok(())", "-true", "-false", "-false", "-false"]);
    client.send_text("a.b!x");
    assert_eq!(client.text(), "x");
    expect_nothing_more(&mut client);
    assert_eq!(server.gauges().topics, 1);
    client.send_text("-a.> a.b!y");
    assert_eq!(client.text(), "-true");
    expect_nothing_more(&mut client);
    let other = subscriber(&server, "*.*");
    assert_eq!(server.gauges().topics, 1);
    drop((client, other));
    eventually("the pattern is gone", || server.gauges().topics == 0);
    server.finish();
}

#[test]
fn publishing_to_what_is_no_name_is_refused_with_the_reason() {
    let server = TestServer::start(config(2), || Topics);
    let mut client = subscriber(&server, ">");
    for (name, error) in [
        ("a.*", TopicNameError::Wildcard { at: 2, wildcard: '*' }),
        (">", TopicNameError::Wildcard { at: 0, wildcard: '>' }),
        ("a..b", TopicNameError::EmptyToken { at: 2 }),
        ("a\tb", TopicNameError::Character { at: 1, character: '\t' }),
        ("", TopicNameError::Empty),
    ] {
        assert_eq!(server.handle().publish(name, "x"), Err(CommandError::TopicName(error)), "{name}");
        for between in ["!", "~"] {
            client.send_text(&format!("{name}{between}x"));
            assert_eq!(client.text(), format!("!{error}"), "{name}");
        }
    }
    assert_eq!(server.handle().stats().unwrap().counters.publications, 0);
    expect_nothing_more(&mut client);
    drop(client);
    server.finish();
}
