//! Every rule broken once, texts that must be refused, and the round trip through TOML.

mod rules;

use std::time::Duration;

use super::file::{self, TextError};
use super::text::{
    OrOff, human_bytes, parse_bytes, parse_bytes_or_off, parse_duration, parse_duration_or_off, print_bytes,
    print_duration,
};
use super::{Budget, Config, Fsync, MIB, Overflow, Pin, Shards, Steering, Token, ValidConfig};

fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn valid(change: impl FnOnce(&mut Config)) -> ValidConfig {
    with(change).validated().expect("a valid configuration")
}

fn refused(change: impl FnOnce(&mut Config)) -> String {
    with(change).validated().expect_err("a rule is broken").to_string()
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(*valid(|_| {}), Config::default());
}

/// A change to one field that breaks its range, and the start of what is said about it.
type Break = (fn(&mut Config), &'static str);

fn assert_refused(breaks: &[Break]) {
    for (change, said) in breaks {
        let error = refused(change);
        assert!(error.contains(said), "expected «{said}» in «{error}»");
    }
}

#[test]
fn the_ranges_of_counts_are_enforced() {
    assert_refused(&[
        (|c| c.shards = Shards::Count(0), "shards = 0 is out of range: allowed is 1 to 1024"),
        (|c| c.shards = Shards::Count(1025), "shards = 1025 is out of range"),
        (|c| c.connections_max = 0, "connections_max = 0 is out of range: allowed is 1 to 16777216"),
        (|c| c.connections_max = (1 << 24) + 1, "connections_max = 16777217 is out of range"),
        (|c| c.recv_buffer_count = 4, "recv_buffer_count = 4 is out of range: allowed is 8 to 32768"),
        (|c| c.recv_buffer_count = 65_536, "recv_buffer_count = 65536 is out of range"),
        (|c| c.recv_buffer_count = 100, "recv_buffer_count = 100 is not a power of two: the nearest are 64 and 128"),
        (|c| c.ring_entries = 32, "ring_entries = 32 is out of range: allowed is 64 to 32768"),
        (|c| c.ring_entries = 65_536, "ring_entries = 65536 is out of range"),
        (|c| c.ring_entries = 1000, "ring_entries = 1000 is not a power of two: the nearest are 512 and 1024"),
        (|c| c.turn_completions_max = 0, "turn_completions_max = 0 is out of range: allowed is 1 to 65536"),
        (|c| c.turn_completions_max = 65_537, "turn_completions_max = 65537 is out of range"),
        (|c| c.accepts_in_flight = 0, "accepts_in_flight = 0 is out of range: allowed is 1 to 1024"),
        (|c| c.listen_backlog = 0, "listen_backlog = 0 is out of range: allowed is 1 to 65535"),
        (|c| c.listen_backlog = 65_536, "listen_backlog = 65536 is out of range"),
        (|c| c.topic_tokens_max = 0, "topic_tokens_max = 0 is out of range: allowed is 1 to 64"),
        (|c| c.topic_tokens_max = 65, "topic_tokens_max = 65 is out of range"),
        (|c| c.topics_max = 0, "topics_max = 0 is out of range: allowed is 1 to 16777216"),
        (|c| c.subscriptions_per_connection_max = 0, "subscriptions_per_connection_max = 0 is out of range"),
        (|c| c.subscriptions_per_connection_max = 65_536, "subscriptions_per_connection_max = 65536 is out of range"),
        (|c| c.shard_queue_count = 15, "shard_queue_count = 15 is out of range: allowed is 16 to 1048576"),
        (|c| c.command_queue_count = 15, "command_queue_count = 15 is out of range: allowed is 16 to 1048576"),
        (|c| c.pin = Pin::List(vec![]), "pin = [] lists no core"),
        (|c| c.pin = Pin::List(vec![0; 1025]), "pin (length) = 1025 is out of range: allowed is 1 to 1024"),
    ]);
}

#[test]
fn the_ranges_of_sizes_are_enforced() {
    assert_refused(&[
        (|c| c.head_bytes_max = 255, "head_bytes_max = 255 is out of range: allowed is 256 to 1MiB"),
        (|c| c.head_bytes_max = MIB + 1, "head_bytes_max = 1048577 is out of range"),
        (|c| c.message_bytes_max = 0, "message_bytes_max = 0 is out of range: allowed is 1 to 1GiB"),
        (|c| c.message_bytes_max = 1024 * MIB + 1, "message_bytes_max = 1073741825 is out of range"),
        (
            |c| c.send_queue_bytes_max = 4096 * MIB + 1,
            "send_queue_bytes_max = 4294967297 is out of range: allowed is 1KiB to 4GiB",
        ),
        (|c| c.recv_buffer_bytes = 4095, "recv_buffer_bytes = 4095 is out of range: allowed is 4KiB to 1MiB"),
        (|c| c.recv_buffer_bytes = MIB + 1, "recv_buffer_bytes = 1048577 is out of range"),
        (|c| c.turn_bytes_max = 1024 * MIB + 1, "turn_bytes_max = 1073741825 is out of range: allowed is 4KiB to 1GiB"),
        (
            |c| c.socket_send_buffer_bytes = Some(0),
            "socket_send_buffer_bytes = 0 is out of range: allowed is 4KiB to 1GiB, or off",
        ),
        (|c| c.socket_recv_buffer_bytes = Some(0), "socket_recv_buffer_bytes = 0 is out of range"),
        (
            |c| c.tcp_notsent_lowat = Some(1023),
            "tcp_notsent_lowat = 1023 is out of range: allowed is 1KiB to 1GiB, or off",
        ),
        (
            |c| c.shard_queue_bytes_max = 65_535,
            "shard_queue_bytes_max = 65535 is out of range: allowed is 64KiB to 4GiB",
        ),
        (|c| c.command_queue_bytes_max = 65_535, "command_queue_bytes_max = 65535 is out of range"),
        (|c| c.topic_name_bytes_max = 0, "topic_name_bytes_max = 0 is out of range: allowed is 1 to 65535"),
        (|c| c.topic_name_bytes_max = 65_536, "topic_name_bytes_max = 65536 is out of range"),
    ]);
}

#[test]
fn the_ranges_of_times_are_enforced() {
    assert_refused(&[
        (
            |c| c.handshake_timeout = Duration::from_millis(9),
            "handshake_timeout = 9ms is out of range: allowed is 10ms to 1h",
        ),
        (|c| c.handshake_timeout = Duration::from_secs(3601), "handshake_timeout = 3601s is out of range"),
        (
            |c| c.idle_timeout = Some(Duration::from_secs(86_401)),
            "idle_timeout = 86401s is out of range: allowed is 10ms to 24h, or off",
        ),
        (
            |c| c.ping_interval = Some(Duration::ZERO),
            "ping_interval = 0s is out of range: allowed is 10ms to 24h, or off",
        ),
        (|c| c.pong_timeout = Duration::ZERO, "pong_timeout = 0s is out of range"),
        (|c| c.pong_timeout = Duration::from_secs(3601), "pong_timeout = 3601s is out of range"),
        (|c| c.close_timeout = Duration::ZERO, "close_timeout = 0s is out of range"),
        (|c| c.close_timeout = Duration::from_secs(3601), "close_timeout = 3601s is out of range"),
        (
            |c| c.shutdown_grace = Duration::from_secs(3601),
            "shutdown_grace = 3601s is out of range: allowed is 0s to 1h",
        ),
        (
            |c| c.publish_window_max = Duration::from_millis(11),
            "publish_window_max = 11ms is out of range: allowed is 0s to 10ms",
        ),
    ]);
}

#[test]
fn the_ends_of_the_ranges_are_allowed() {
    valid(|c| {
        c.shards = Shards::Count(1024);
        c.connections_max = 1 << 24;
        c.message_bytes_max = 1024 * MIB;
        c.recv_buffer_count = 32_768;
        c.ring_entries = 32_768;
        c.accepts_in_flight = 1024;
        c.topic_tokens_max = 64;
        c.publish_window_max = Duration::from_millis(10);
    });
    valid(|c| {
        c.shards = Shards::Count(1);
        c.connections_max = 1;
        c.head_bytes_max = 256;
        c.message_bytes_max = 1;
        c.recv_buffer_bytes = 4096;
        c.turn_bytes_max = 4096;
        c.recv_buffer_count = 8;
        c.ring_entries = 64;
        c.topic_tokens_max = 1;
        c.shutdown_grace = Duration::ZERO;
        c.publish_window_max = Duration::ZERO;
        c.idle_timeout = None;
    });
}

#[test]
fn contradictions_name_both_keys() {
    assert_refused(&[
        (
            |c| c.send_queue_bytes_low = c.send_queue_bytes_high,
            "send_queue_bytes_low = 256KiB contradicts send_queue_bytes_high = 256KiB: the low mark must be below",
        ),
        (
            |c| c.send_queue_bytes_high = 2 * MIB,
            "send_queue_bytes_high = 2MiB contradicts send_queue_bytes_max = 1MiB: the high mark must not be above",
        ),
        (
            |c| c.ping_interval = c.idle_timeout,
            "ping_interval = 2m contradicts idle_timeout = 2m: the ping must come before",
        ),
        (
            |c| c.turn_bytes_max = 4096,
            "turn_bytes_max = 4KiB contradicts recv_buffer_bytes = 32KiB: a turn must be able to handle one whole",
        ),
        (
            |c| (c.ring_entries, c.accepts_in_flight) = (64, 33),
            "accepts_in_flight = 33 contradicts ring_entries = 64: accepts may take at most half",
        ),
        (
            |c| (c.shards, c.connections_max) = (Shards::Count(4), 3),
            "connections_max = 3 contradicts shards = 4: every shard needs",
        ),
        (
            |c| (c.shards, c.pin) = (Shards::Count(3), Pin::List(vec![0, 2])),
            "pin = 0,2 contradicts shards = 3: list one core for each shard",
        ),
        (
            |c| (c.steering, c.pin) = (Steering::Cpu, Pin::None),
            "steering = cpu contradicts pin = none: each shard needs a core of its own",
        ),
        (
            |c| (c.steering, c.pin) = (Steering::Cpu, Pin::List(vec![1, 2, 1])),
            "steering = cpu contradicts pin = 1,2,1: each shard needs a core of its own",
        ),
    ]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let error = with(|c| (c.message_bytes_max, c.topics_max) = (0, 0)).validated().expect_err("two rules are broken");
    assert_eq!(error.problems().len(), 2);
    assert_eq!(error.to_string().lines().count(), 2);
}

#[test]
fn connections_are_shared_out_evenly_and_completely() {
    let config = valid(|c| c.connections_max = 10);
    let shares: Vec<_> = (0..4).map(|index| config.connections_share(4, index)).collect();
    assert_eq!(shares, [3, 3, 2, 2]);
}

#[test]
fn a_shard_has_room_for_more_than_its_share() {
    for (connections, shards, room) in
        [(10, 4, 10), (10, 1, 10), (5000, 4, 2500), (5000, 16, 1024), (10_000, 2, 10_000), (1 << 24, 1000, 33_556)]
    {
        let config = valid(|c| c.connections_max = connections);
        assert_eq!(config.connections_room(shards), room, "{connections} connections on {shards} shards");
    }
}

#[test]
fn shards_and_pins_follow_the_cores() {
    let config = valid(|_| {});
    assert_eq!(config.shard_count(6), 6);
    assert_eq!(config.pins(2, &[4, 5]), [Some(4), Some(5)]);
    assert_eq!(config.pins(3, &[4, 5]), [None, None, None], "more shards than cores float");

    let config = valid(|c| c.pin = Pin::List(vec![1, 1, 3]));
    assert_eq!(config.shard_count(6), 3, "auto means one per listed core");
    assert_eq!(config.pins(3, &[0]), [Some(1), Some(1), Some(3)]);
}

#[test]
fn a_printed_configuration_reads_back_the_same() {
    let changed = with(|c| {
        c.listen = "[::1]:443".parse().expect("an address");
        c.shards = Shards::Count(3);
        c.pin = Pin::List(vec![0, 2, 5]);
        c.idle_timeout = None;
        c.message_bytes_max = 1_000_000;
        c.overflow = Overflow::DropNewest;
        c.tcp_nodelay = false;
        c.demo = false;
        c.tcp_notsent_lowat = Some(16_384);
        c.publish_window_max = Duration::ZERO;
        c.handshake_timeout = Duration::from_micros(1_500_001);
        c.steering = Steering::Cpu;
        c.busy_poll = Some(Duration::from_micros(50));
    });
    for config in [Config::default(), changed] {
        let text = file::print(&config);
        assert_eq!(file::parse(&text).expect("our own output"), config, "{text}");
    }
}

#[test]
fn a_file_changes_only_what_it_says() {
    let config =
        file::parse("listen = \"0.0.0.0:80\"\n# none\nmessage_bytes_max = \"16MiB\"\nidle_timeout = \"off\"\n")
            .expect("a good file");
    let expected = with(|c| {
        c.listen = "0.0.0.0:80".parse().expect("an address");
        c.message_bytes_max = 16 * MIB;
        c.idle_timeout = None;
    });
    assert_eq!(config, expected);
    assert_eq!(file::parse("pin = \"0,2-3\"").expect("a list as text").pin, Pin::List(vec![0, 2, 3]));
    assert_eq!(file::parse("pin = [0, 2]").expect("a list").pin, Pin::List(vec![0, 2]));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
    for (typed, meant) in [
        ("message_byte_max", "message_bytes_max"),
        ("max_connections", "connections_max"),
        ("idle-timeout", "idle_timeout"),
        ("shard", "shards"),
        ("timeout_idle", "idle_timeout"),
        ("admin_listen", "admin.listen"),
    ] {
        let error = file::parse(&format!("\n# two lines before it\n{typed} = 1\n")).expect_err("an unknown key");
        let expected = TextError::UnknownKey { line: 3, key: typed.into(), nearest: meant.into() };
        assert_eq!(error[..], [expected]);
    }
}

#[test]
fn wrong_texts_are_told_with_line_and_key() {
    for (text, said) in [
        ("shards = 2\nshards = 3\n", "2: duplicate key"),
        ("\nlisten 5\n", "2: "),
        (
            "[server]\nlisten = \"127.0.0.1:1\"\n",
            "1: unknown section [server]: there is [admin] and [journal], rules are [[topics]], and all other",
        ),
        ("\n\nidle_timeout = 10\n", "3: idle_timeout: `10` is not `off` or a duration such as 10s"),
        ("idle_timeout = \"ten\"\n", "1: idle_timeout: `ten` is not `off` or a duration"),
        ("pong_timeout = \"10\"\n", "1: pong_timeout: `10` is not a duration such as 10s"),
        ("message_bytes_max = \"1MB\"\n", "1: message_bytes_max: `1MB` is not a size in bytes such as"),
        ("message_bytes_max = -1\n", "1: message_bytes_max: `-1` is not a size in bytes such as"),
        ("tcp_nodelay = \"yes\"\n", "1: tcp_nodelay: `\"yes\"` is not `true` or `false`"),
        ("overflow = \"drop\"\n", "1: overflow: `drop` is not `disconnect` or `drop-newest`"),
        ("overflow = 1\n", "1: overflow: `1` is not `disconnect` or"),
        ("listen = \"localhost\"\n", "1: listen: `localhost` is not an address with a port such as 127.0.0.1:9001"),
        ("shards = \"many\"\n", "1: shards: `many` is not `auto` or a number of shards"),
        ("shards = 1.5\n", "1: shards: `1.5` is not `auto` or a number"),
        ("pin = [\"a\"]\n", "1: pin: `a` is not"),
        ("pin = []\n", "1: pin: `[]` is not `auto`, `none` or a list of cores"),
        ("pin = \"3-1\"\n", "1: pin: `3-1` is not"),
        ("topics_max = 4294967296\n", "1: topics_max: `4294967296` is not a whole number such as 100000"),
        ("\ntopics_max = -1\n", "2: topics_max: `-1` is not a whole number such as 100000"),
        ("connections_max = \"5\"\n", "1: connections_max: `\"5\"` is not a whole number such as 10000"),
        ("connections_max = 5.0\n", "1: connections_max: `5.0` is not a whole number"),
        ("topic_name_bytes_max = \"1KiB\"\n", "1: topic_name_bytes_max: `\"1KiB\"` is not a whole number such as 256"),
        ("idle_timeout = true\n", "1: idle_timeout: `true` is not `off` or a duration"),
        ("[admin]\nlisten = \"off\"\n", "2: admin.listen: `off` is not `none`, an address with a port such as"),
        ("shards = 1\nadmin.token = \"short\"\n", "2: admin.token: a token has 16 to 256 characters"),
        ("[admin]\ntoken = \"(not shown)\"\n", "2: admin.token: a printed configuration does not show the token"),
        ("[admin]\ntoken = 1234567890123456\n", "2: admin.token: a token stands in quotes"),
        ("[admin]\ntoken_file = 1\n", "2: admin.token_file: `1` is not `none` or a path in quotes"),
        ("[admin]\n\ntokens = 1\n", "3: unknown key `admin.tokens`; the nearest known one is `admin.token`"),
        ("[admin]\nshards = 1\n", "2: unknown key `admin.shards`; the nearest known one is `"),
        ("admin = 1\n", "1: unknown key `admin`; the nearest known one is `admin."),
        ("[admin.listen]\nport = 1\n", "1: unknown section [admin.listen]: there is [admin]"),
        ("[listen]\nport = 1\n", "1: unknown section [listen]: there is [admin]"),
        ("listen = { port = 1 }\n", "1: listen: `{ port = 1 }` is not an address"),
    ] {
        let error = file::parse(text).expect_err("a wrong text").to_string();
        assert!(error.starts_with(said), "expected «{said}», got «{error}» for {text:?}");
        assert!(!error.contains("invalid type") && !error.contains("u32"), "not the parser's words: {error}");
    }
}

#[test]
fn the_admin_interface_is_not_open_to_all() {
    let listening = |addr: &'static str| move |c: &mut Config| c.admin.listen = Some(addr.parse().expect("an address"));
    for addr in ["127.0.0.1:9002", "127.8.8.8:1", "[::1]:9002", "[::ffff:127.0.0.1]:9002"] {
        valid(listening(addr));
    }
    for addr in ["0.0.0.0:9002", "10.0.0.1:9002", "[::]:9002", "[::ffff:10.0.0.1]:9002"] {
        let error = refused(listening(addr));
        assert!(
            error.starts_with(&format!("admin.listen = {addr} reaches beyond this machine and needs a token")),
            "{error}"
        );
        valid(|c| {
            listening(addr)(c);
            c.admin.token = Some("0123456789abcdef".parse().expect("a token"));
        });
        valid(|c| {
            listening(addr)(c);
            c.admin.token_file = Some("token".into());
        });
    }
    valid(|c| c.admin.listen = None);
    assert!(refused(listening("127.0.0.1:9001")).contains("two listeners need two addresses"));
    let both = refused(|c| {
        c.admin.token = Some("0123456789abcdef".parse().expect("a token"));
        c.admin.token_file = Some("token".into());
    });
    assert_eq!(
        both,
        "admin.token = (not shown) contradicts admin.token_file = token: there is one token, given in one place"
    );
}

#[test]
fn the_limits_of_the_journal_are_enforced() {
    assert_refused(&[
        (
            |c| c.journal.segment_bytes_max = MIB - 1,
            "journal.segment_bytes_max = 1048575 is out of range: allowed is 1MiB to 1GiB",
        ),
        (|c| c.journal.segment_bytes_max = 1024 * MIB + 1, "journal.segment_bytes_max = 1073741825 is out of range"),
        (|c| c.journal.journal_bytes_max = MIB, "journal.journal_bytes_max = 1MiB is out of range: allowed is 2MiB to"),
        (|c| c.journal.queue_count = 15, "journal.queue_count = 15 is out of range: allowed is 16 to 1048576"),
        (|c| c.journal.queue_bytes_max = 65_535, "journal.queue_bytes_max = 65535 is out of range"),
        (
            |c| c.journal.fsync = Fsync::Every(Duration::from_micros(999)),
            "journal.fsync = 999us is out of range: allowed is 1ms to 1h",
        ),
        (
            |c| c.journal.journal_bytes_max = 127 * MIB,
            "journal.journal_bytes_max = 127MiB contradicts journal.segment_bytes_max = 64MiB: files go whole",
        ),
    ]);
    let text = "[journal]\ndir = \"d\"\nfsync = \"100ms\"\nsegment_bytes_max = \"1MiB\"\n";
    let journal = file::parse(text).expect("a good file").journal;
    assert_eq!((journal.dir, journal.fsync), (Some("d".into()), Fsync::Every(Duration::from_millis(100))));
    let error = file::parse("[journal]\nfsync = \"often\"\n").expect_err("a wrong text").to_string();
    assert_eq!(error, "2: journal.fsync: `often` is not `always`, `never` or a duration such as 100ms");

    let sum = |dir: Option<&str>| Budget::new(&valid(|c| c.journal.dir = dir.map(Into::into)), 1).total_bytes();
    assert_eq!(sum(Some("d")) - sum(None), 2 * (16_384 * 128 + 16 * MIB as u64));
}

#[test]
fn a_token_is_shown_nowhere() {
    let config = file::parse("[admin]\ntoken = \"secret-0123456789\"\n").expect("a good file");
    assert_eq!(config.admin.token.as_ref().map(|token| token.as_bytes()), Some(&b"secret-0123456789"[..]));
    let shown = format!("{config:?}{}", file::print(&config));
    assert!(shown.contains("not shown") && !shown.contains("secret"), "{shown}");
    for wrong in ["", "short", "with a blank in the middle", "0123456789abcdeß", &"x".repeat(257)] {
        assert!(wrong.parse::<Token>().is_err(), "{wrong}");
    }
}

#[test]
fn all_that_is_wrong_with_a_text_is_told_at_once() {
    let text = "shard = 1\ntcp_nodelay = 1\nlisten = \"127.0.0.1:80\"\npong_timeout = 3\n\n[tls]\nkey = 1\n[admin]\nlisten = true\n\ntoken = \"x\"\n";
    let errors = file::parse(text).expect_err("six errors");
    let lines: Vec<_> = errors.to_string().lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!((errors.len(), lines), (6, ["1:", "2:", "4:", "6:", "9:", "11:"].map(str::to_owned).to_vec()));

    let path = std::env::temp_dir().join(format!("ringwire-wrong-{}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a temporary file");
    let said = file::read(&path).expect_err("six errors").to_string();
    std::fs::remove_file(&path).expect("the file that we made");
    assert!(said.lines().all(|line| line.starts_with(&format!("{}:", path.display()))), "{said}");
}

#[test]
fn a_missing_file_is_named() {
    let error = file::read(std::path::Path::new("/nonexistent/ringwire.toml")).expect_err("no such file").to_string();
    assert!(error.starts_with("cannot read /nonexistent/ringwire.toml: No such file"), "{error}");
}

#[test]
fn units_are_read_and_printed() {
    for (text, bytes) in
        [("0", 0), ("65536", 65_536), ("1B", 1), ("64KiB", 65_536), ("1 MiB", MIB), ("2GiB", 2048 * MIB)]
    {
        assert_eq!(parse_bytes(text), Ok(bytes));
        assert_eq!(parse_bytes(&print_bytes(bytes)), Ok(bytes));
    }
    for text in ["", "KiB", "-1", "1.5MiB", "1kb", "99999999999999999999", "99999999999GiB"] {
        assert!(parse_bytes(text).is_err(), "{text}");
    }
    for (text, micros) in [("0", 0), ("50us", 50), ("250ms", 250_000), ("10s", 10_000_000), ("2m", 120_000_000)] {
        let duration = Duration::from_micros(micros);
        assert_eq!(parse_duration(text), Ok(duration));
        assert_eq!(parse_duration(&print_duration(duration)), Ok(duration));
    }
    for text in ["", "10", "s", "-1s", "1.5s", "1d", "99999999999h"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
    assert_eq!(parse_bytes_or_off("off"), Ok(OrOff::Off));
    assert_eq!(parse_duration_or_off("1s"), Ok(OrOff::Value(Duration::from_secs(1))));
    assert_eq!(human_bytes(1023), "1023 B");
    assert_eq!(human_bytes(3 * 1024 * 1024 * 1024 / 2), "1.5 GiB");
}

#[test]
fn the_budget_sums_every_holder() {
    let config = valid(|c| {
        c.connections_max = 1000;
        c.message_bytes_max = 4096;
        c.send_queue_bytes_max = 2 * MIB;
    });
    let budget = Budget::new(&config, 2);
    let bytes = |name: &str| budget.holders.iter().find(|holder| holder.name == name).expect("a holder").bytes;
    assert_eq!(bytes("reassembly buffers"), 1000 * 4096);
    assert_eq!(bytes("send queues"), 1000 * 2 * MIB as u64);
    assert_eq!(bytes("recv buffers"), 2 * 128 * (32 * 1024 + 16));
    assert_eq!(bytes("queues between shards"), 2 * (4096 * 64 + 16 * MIB as u64));
    assert_eq!(bytes("topics"), 2 * 100_000 * (200 + 2 * 256 + 16 * 72));
    assert_eq!(budget.total_bytes(), budget.holders.iter().map(|holder| holder.bytes).sum::<u64>());
}

#[test]
fn one_shard_has_no_queues_between_shards() {
    let budget = Budget::new(&valid(|_| {}), 1);
    let between = budget.holders.iter().find(|holder| holder.name == "queues between shards").expect("a holder");
    assert_eq!(between.bytes, 0);
}

#[test]
fn the_defaults_do_not_alarm_on_an_ordinary_machine() {
    for shards in [1, 2, 8] {
        let budget = Budget::new(&valid(|_| {}), shards);
        assert_eq!(budget.warning(8 << 30), None, "{budget}");
    }
    assert!(Budget::new(&valid(|_| {}), 2).warning(1 << 30).is_some(), "a small container is another matter");
}

#[test]
fn the_budget_warns_only_above_the_memory_there_is() {
    let budget = Budget::new(&valid(|c| c.send_queue_bytes_max = 64 * MIB), 1);
    assert_eq!(budget.warning(u64::MAX), None);
    let warning = budget.warning(1 << 30).expect("more than a GiB");
    assert!(warning.contains("more than the 1.0 GiB there are"), "{warning}");
    assert!(budget.advice().starts_with("lower connections_max or send_queue_bytes_max (send queues: 625.0 GiB)\n"));
}

#[test]
fn the_budget_does_not_overflow() {
    let config = valid(|c| {
        c.connections_max = 1 << 24;
        c.message_bytes_max = 1024 * MIB;
        c.send_queue_bytes_max = 4096 * MIB;
        c.shard_queue_count = 1 << 20;
    });
    let budget = Budget::new(&config, 1024);
    let least = (1 << 24) * 4096 * MIB as u64;
    assert!(budget.total_bytes() > least && budget.holders.iter().all(|holder| holder.bytes < u64::MAX), "{budget}");
}
