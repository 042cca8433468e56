use super::*;
use crate::config::{Config, Pin, Shards};
use crate::handler::{Conn, Handler};
use crate::proto::Message;
use crate::server::Server;

struct Nobody;

impl Handler for Nobody {
    type Data = ();

    fn on_message(&mut self, _conn: &mut Conn<'_, ()>, _message: Message<'_>) {}
}

/// A player, the orders to it, and its server.
fn player() -> (Player, SyncSender<Order>, Server) {
    let config =
        Config { listen: ([127, 0, 0, 1], 0).into(), shards: Shards::Count(1), pin: Pin::None, ..Config::default() };
    let server = Server::start(config, |_| Nobody).expect("io_uring is there");
    let (sender, orders) = sync_channel(ORDERS_MAX);
    (Player::new(server.handle(), orders), sender, server)
}

fn end(server: Server) {
    server.handle().shutdown(Duration::ZERO);
    server.join();
}

#[test]
fn who_names_the_flipbook_wants_frames() {
    for (interest, wanted) in [
        ("demo.flipbook", true),
        ("demo.flipbook.book", true),
        ("demo.*", true),
        ("demo.>", true),
        ("demo.flipbook.other", false),
        ("demo.chat", false),
        ("demo", false),
        ("*.flipbook", false),
        (">", false),
    ] {
        assert_eq!(is_for_frames(interest), wanted, "{interest}");
    }
}

#[test]
fn frames_are_on_schedule_and_a_stall_is_not_made_up_for() {
    let (mut player, orders, server) = player();
    player.fps = 50;
    let begin = Instant::now();
    assert!(player.play(Duration::from_millis(500)).is_continue());
    let most = begin.elapsed().as_millis() as u64 / 20 + 1;
    assert!((5..=most).contains(&player.frame), "{} of {most}: less on a busy machine, never more", player.frame);
    player.due -= Duration::from_secs(5);
    let before = player.frame;
    assert!(player.play(Duration::from_millis(100)).is_continue());
    assert!(player.frame - before <= 7, "{} frames after a stall", player.frame - before);
    // Another rate holds at once, though the next frame was not due for a second.
    (player.fps, player.due) = (1, Instant::now() + Duration::from_secs(1));
    orders.send(Order::Rate(50)).expect("room");
    let before = player.frame;
    assert!(player.play(Duration::from_millis(500)).is_continue());
    assert!(player.frame - before >= 3, "{} frames at 50 a second", player.frame - before);
    orders.send(Order::End).expect("room");
    assert!(player.play(Duration::from_secs(60)).is_break());
    end(server);
}

#[test]
fn a_drawing_is_shown_until_it_is_forgotten() {
    let (mut player, _orders, server) = player();
    let drawing = || simd_json::serde::from_slice(&mut b"[[[0,1,2]]]".to_vec()).expect("a drawing");
    assert!(player.take(Order::Draw(drawing())).is_continue());
    let first = player.book;
    assert!(player.take(Order::Draw(drawing())).is_continue());
    assert!(player.book > first && first > 1_600_000_000_000);
    assert!(player.take(Order::Rate(7)).is_continue());
    assert!(player.rest(Duration::ZERO).is_continue());
    assert_ne!((player.book, player.fps), (BUILTIN, FPS_DEFAULT), "somebody has just looked");
    player.seen -= FORGET + Duration::from_secs(1);
    assert!(player.rest(Duration::ZERO).is_continue());
    assert_eq!(
        (player.book, player.fps, player.frame),
        (BUILTIN, FPS_DEFAULT, 0),
        "and nothing is published for nobody"
    );
    assert!(player.take(Order::Draw(drawing())).is_continue());
    assert!(player.take(Order::Builtin).is_continue());
    assert_eq!(player.book, BUILTIN);
    end(server);
    assert!(player.rest(Duration::ZERO).is_break(), "it ends with the server");
}
