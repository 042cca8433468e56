//! Command lines as they are typed: what they mean, and what is said of those that mean nothing.

use std::time::Duration;

use clap::CommandFactory;

use super::*;
use crate::payload::Form;

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["ringwire-load"].into_iter().chain(line.split(' ')))
}

fn plan(line: &str) -> Plan {
    parsed(line).unwrap_or_else(|error| panic!("{error}")).into_plan().unwrap()
}

/// What is said of a line, by clap or by us.
fn error(line: &str) -> String {
    match parsed(line) {
        Err(error) => error.to_string(),
        Ok(cli) => cli.into_plan().unwrap_err().to_string(),
    }
}

#[test]
fn clap_finds_no_fault_in_the_options() {
    Cli::command().debug_assert();
}

#[test]
fn an_echo_without_options_is_an_open_loop() {
    let plan = plan("echo ws://h:1/p");
    let Task::Echo(echo) = &plan.task else { panic!("{plan:?}") };
    assert_eq!(plan.common.target.to_string(), "ws://h:1/p");
    let Pace::Open { rate, ramp } = echo.pace else { panic!("{plan:?}") };
    assert_eq!((rate.as_f64(), ramp, echo.connections), (1000.0, Duration::ZERO, 50));
    assert_eq!(echo.window, Window { warm_up: Duration::from_secs(2), length: Duration::from_secs(10) });
    assert_eq!((echo.messages.form, echo.messages.sizes.most()), (Form::Binary, 64));
    assert_eq!(
        plan.common.objectives.errors_max,
        Some(0),
        "wrong messages fail a run that nobody asked to forgive them"
    );
    assert_eq!(plan.settings["size"], "64");
    assert!(!plan.settings.contains_key("depth"));
}

#[test]
fn options_say_what_they_say() {
    let plan = plan(
        "echo ws://h --connections=10k --depth=16 --duration=1m --warm-up=0 --size=uniform:40-50 --form=text --threads=2 \
         --p99-max=5ms --reach-min=0.5 --rate-min=1k --errors-max=off --server-pid=7 --json=a.json --quiet --seed=9",
    );
    let Task::Echo(echo) = &plan.task else { panic!("{plan:?}") };
    assert_eq!((echo.connections, echo.pace), (10_000, Pace::Closed { depth: 16 }));
    assert_eq!(echo.window, Window { warm_up: Duration::ZERO, length: Duration::from_secs(60) });
    let objectives = plan.common.objectives;
    assert_eq!(objectives.p99_max, Some(Duration::from_millis(5)));
    assert_eq!((objectives.reach_min, objectives.rate_min, objectives.errors_max), (Some(0.5), Some(1000.0), None));
    assert_eq!((plan.common.threads, plan.common.server_pid, plan.common.seed), (2, Some(7), 9));
    assert_eq!(plan.common.outputs.json.as_deref(), Some("a.json".as_ref()));
    assert_eq!((plan.settings["depth"].as_str(), plan.settings["size"].as_str()), ("16", "uniform:40-50"));
}

#[test]
fn the_other_commands_have_their_own() {
    let Task::Fanout(fanout) = plan("fanout ws://h --transports=websocket,v1,sse --subscribers=5 --topics=5").task
    else {
        panic!("not a fan-out")
    };
    assert_eq!(fanout.transports, [Transport::Websocket, Transport::V1, Transport::Sse]);
    let Task::Idle(idle) = plan("idle ws://h --connections=100k --verify=false").task else { panic!("not idle") };
    assert_eq!((idle.connections, idle.verify), (100_000, false));
    let Task::Connect(connect) = plan("connect ws://h --rate=2k --hold=5s").task else { panic!("not connecting") };
    assert_eq!((connect.rate.as_f64(), connect.hold), (2000.0, Duration::from_secs(5)));
    let Task::Compare(compare) = plan("compare ws://h --poll-intervals=50ms,2s").task else { panic!("no comparison") };
    assert_eq!(compare.poll_intervals, [Duration::from_millis(50), Duration::from_secs(2)]);
    assert_eq!((compare.transports.len(), compare.messages.form), (4, Form::Text));
}

#[test]
fn what_means_nothing_is_told_with_what_to_type() {
    for (line, said) in [
        ("echo ws://h --rate=5 --depth=1", "cannot be used with"),
        ("echo ws://h --depth=1 --ramp=1s", "cannot be used with"),
        ("echo ws://h --ramp=3s", "--ramp is 3s: it may be as long as --warm-up (2s) or shorter"),
        (
            "echo ws://h --size=19",
            "--size: 19 bytes are too few for the stamp that each message carries: use 20 or more",
        ),
        ("echo ws://h --size=uniform:30-99 --form=text", "use 40 or more, or --form=binary"),
        ("echo ws://h --threads=51", "--threads is 51: it may be 1 to 50 here"),
        ("idle ws://h --threads=257", "--threads is 257: it may be 1 to 256 here"),
        ("connect ws://h --threads=257", "--threads is 257: it may be 1 to 256 here"),
        ("idle ws://h --duration=0", "--duration is 0s: it may be 100ms to 24h"),
        ("connect ws://h --connect-rate=5", "--connect-rate is not for `connect`, which opens at --rate: leave it out"),
        ("connect ws://h --rate=1M --hold=1h", "--rate=1000000 held for 1h is too many connections"),
        ("fanout ws://h --subscribers=10k --publishers=10k", "would need 3052 MiB to check what comes, above 1024 MiB"),
        ("fanout ws://h --subscribers=10k --publishers=9999 --topics=10k", "make one a multiple of the other"),
        (
            "compare ws://h --viewers=1M --poll-intervals=1s,2s,3s,4s,5s,6s,7s,8s,9s,10s,11s,12s,13s,14s",
            "--viewers is 1000000, for each of 17 transports and intervals: it may be 1 to 986894 here",
        ),
        ("echo ws://h --connections=0", "is not a number above 0 such as 50, 10k or 1M"),
        ("echo ws://h --connections=17M", "--connections is 17000000: it may be 1 to 16777215 here"),
        ("echo ws://h --duration=0", "--duration is 0s: it may be 100ms to 24h"),
        ("echo ws://h --duration=30", "is not a duration such as 10s"),
        ("echo ws://h --rate=fast", "is not a rate in messages per second such as 1000"),
        ("echo ws://h --reach-min=99", "is not a share from 0 to 1"),
        ("echo ws://h --errors-max=few", "neither a number such as 0 nor `off`"),
        ("echo wss://h", "wss:// is not spoken yet"),
        ("echo h:9001", "type ws://h:9001"),
        ("echo", "URL"),
        ("fanout ws://h --topics=2 --subscribers=1", "--topics is 2: it may be 1 to 1 here"),
        ("fanout ws://h --transports=sse,sse", "--transports has sse twice: name it once"),
        (
            "fanout ws://h --transports=carrier-pigeon",
            "possible values: websocket, v1, sse, long-poll, short-poll, broadcast, nats",
        ),
        ("compare ws://h --transports=broadcast", "use `fanout` for it"),
        ("compare ws://h --poll-intervals=0", "--poll-intervals is 0s: it may be 1ms to 1h"),
        ("compare ws://h --size=39", "use 40 or more"),
    ] {
        let error = error(line);
        assert!(error.contains(said), "{line}: {error}");
    }
}

/// Every example of the help is a command line that is understood.
#[test]
fn examples_are_understood() {
    let all = [EXAMPLES, ECHO, FANOUT, IDLE, CONNECT, COMPARE].join("\n");
    let lines = all.lines().filter_map(|line| line.trim().strip_prefix("ringwire-load "));
    let lines: Vec<String> = lines.map(|line| line.replace("$(pidof ringwire)", "7")).collect();
    assert!(lines.len() > 12 && all.lines().all(|line| line.chars().count() <= 98), "{all}");
    for line in lines {
        plan(&line);
    }
}

/// Exit code 2 is clap's own for a line that it does not understand.
#[test]
fn usage_is_exit_code_2() {
    let error = parsed("echo ws://h --no-such-option").unwrap_err();
    assert_eq!(error.exit_code(), i32::from(crate::objective::Outcome::Usage.code()));
}

#[test]
fn topics_are_at_paths_of_their_own() {
    let Task::Fanout(fanout) = plan("fanout ws://h/topics/a.b --transports=short-poll --poll-interval=250ms").task
    else {
        panic!("a fanout");
    };
    assert_eq!(fanout.poll_interval, Duration::from_millis(250));
    for line in
        ["fanout ws://h/ws", "compare ws://h/topics/", "fanout ws://h/topics/a/latest", "fanout ws://h/?topic=a"]
    {
        assert!(error(line).contains("type ws://HOST for topics named load.0"), "{line}: {}", error(line));
    }
    plan("fanout ws://h/room?a=b --transports=broadcast");
    let mixed = "fanout ws://h/room --transports=broadcast,sse";
    assert!(error(mixed).contains("--transports=broadcast where"), "{}", error(mixed));
    let several = "fanout ws://h/room --transports=broadcast --topics=2";
    assert!(error(several).contains("broadcast, whose one topic is the URL's path"), "{}", error(several));
    assert!(error("fanout ws://h --poll-interval=0").contains("--poll-interval is 0"));
}

#[test]
fn a_comparison_apart_needs_a_server_to_watch() {
    assert!(error("compare ws://h --apart").contains("--server-pid"));
    let Task::Compare(compare) = plan("compare ws://h --apart --server-pid=7").task else { panic!("a comparison") };
    assert!(compare.apart);
}

/// `{:#}` tells an error with its causes: what is in the sentence already is no cause.
#[test]
fn a_sentence_is_said_once() {
    let error = parsed("echo ws://h --size=10").unwrap().into_plan().unwrap_err();
    assert_eq!(format!("{:#}", anyhow::Error::from(error)).matches("use 20 or more").count(), 1);
    assert!(!plan("connect ws://h").settings.contains_key("connect-rate"));
}
