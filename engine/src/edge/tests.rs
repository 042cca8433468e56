//! The command line: what is typed, what it means, and that help, options and configuration do not drift apart.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::cli::{Cli, Command};
use super::options::Options;
use super::{StartError, file};
use crate::config::{Admin, Config, Fsync, JournalConfig, Overflow, Pin, Shards, Steering};

fn typed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn options(line: &str) -> Options {
    match typed(line).expect("a good command line").into_command() {
        Command::Serve(options) | Command::Echo(options) | Command::Broadcast(options) => options,
        Command::Check { options, .. } | Command::Health { options, .. } => options,
    }
}

/// Every field of a configuration that has an option, under the option's name with `_` for `-`. A token has none: who lists
/// processes would see it.
fn fields(config: &Config) -> impl Iterator<Item = (String, toml::Value)> + use<> {
    let fields = toml::Table::try_from(config).expect("TOML").into_iter().flat_map(|(key, value)| match value {
        toml::Value::Table(section) => {
            section.into_iter().map(|(name, value)| (format!("{key}_{name}"), value)).collect()
        }
        value => vec![(key, value)],
    });
    let option = |key: String| match &*key {
        "journal_dir" => "journal".into(),
        "journal_journal_bytes_max" => "journal_bytes_max".into(),
        _ => key,
    };
    fields.filter(|(key, _)| key != "admin_token").map(move |(key, value)| (option(key), value))
}

fn error(line: &str) -> (ErrorKind, String) {
    let error = typed(line).expect_err("a wrong command line");
    (error.kind(), error.to_string())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn serve_is_the_default() {
    assert_eq!(typed("ringwire").expect("good").into_command(), typed("ringwire serve").expect("good").into_command());
    let line = "ringwire --shards=2 --listen=0.0.0.0:80";
    assert!(matches!(typed(line).expect("good").into_command(), Command::Serve(_)));
    assert!(matches!(typed("ringwire echo --shards=2").expect("good").into_command(), Command::Echo(_)));
    assert!(matches!(typed("ringwire broadcast").expect("good").into_command(), Command::Broadcast(_)));
    assert!(matches!(typed("ringwire check --json").expect("good").into_command(), Command::Check { json: true, .. }));
}

#[test]
fn what_is_not_typed_keeps_its_default() {
    let config = options("ringwire").config().expect("the defaults are valid");
    assert_eq!(*config, Config::default());
}

#[test]
fn every_field_can_be_typed() {
    let expected = Config {
        listen: "[::1]:81".parse().expect("an address"),
        shards: Shards::Count(2),
        pin: Pin::List(vec![0, 2]),
        connections_max: 21,
        head_bytes_max: 1000,
        handshake_timeout: Duration::from_secs(1),
        idle_timeout: Some(Duration::from_secs(22)),
        ping_interval: None,
        pong_timeout: Duration::from_secs(3),
        close_timeout: Duration::from_secs(4),
        shutdown_grace: Duration::ZERO,
        message_bytes_max: 1001,
        send_queue_bytes_high: 1002,
        send_queue_bytes_low: 1001,
        send_queue_bytes_max: 65_536,
        overflow: Overflow::DropNewest,
        steering: Steering::Cpu,
        busy_poll: Some(Duration::from_micros(30)),
        recv_buffer_bytes: 8192,
        recv_buffer_count: 16,
        ring_entries: 64,
        turn_bytes_max: 16_384,
        turn_completions_max: 5,
        accepts_in_flight: 6,
        listen_backlog: 7,
        tcp_nodelay: false,
        socket_send_buffer_bytes: Some(4097),
        socket_recv_buffer_bytes: Some(4098),
        tcp_notsent_lowat: Some(4099),
        topic_name_bytes_max: 8,
        topic_tokens_max: 11,
        topics_max: 9,
        subscriptions_per_connection_max: 10,
        shard_queue_count: 17,
        shard_queue_bytes_max: 65_537,
        command_queue_count: 18,
        command_queue_bytes_max: 65_538,
        publish_window_max: Duration::from_micros(19),
        history_bytes_max: 65_539,
        origins: vec!["https://a.test".to_owned(), "null".to_owned()],
        demo: false,
        // A table: in a file alone.
        topics: Vec::new(),
        admin: Admin { listen: None, token: None, token_file: Some("token".into()) },
        journal: JournalConfig {
            dir: Some("dir".into()),
            fsync: Fsync::Every(Duration::from_millis(20)),
            segment_bytes_max: 1 << 20,
            journal_bytes_max: 1 << 21,
            retention_grace: Duration::from_secs(21),
            queue_count: 22,
            queue_bytes_max: 65_539,
        },
    };
    let default: BTreeMap<_, _> = fields(&Config::default()).collect();
    let mut line = String::from("ringwire echo");
    for (key, value) in fields(&expected) {
        assert_ne!(value, default[&key], "{key} must differ from its default, or its option is not tested");
        let value = match value {
            toml::Value::Array(_) if key == "origins" => expected.origins.join(","),
            toml::Value::Array(_) => expected.pin.to_string(),
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        line += &format!(" --{}={value}", key.replace('_', "-"));
    }
    assert_eq!(*options(&line).config().expect("a valid configuration"), expected, "{line}");
}

#[test]
fn the_help_of_each_option_tells_its_default() {
    let command = Cli::command();
    for (key, value) in fields(&Config::default()) {
        let value = match value {
            // As they are typed.
            toml::Value::Array(_) => Config::default().origins.join(","),
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        let long = key.replace('_', "-");
        let option = command.get_arguments().find(|option| option.get_long() == Some(&long)).expect("an option");
        let help = option.get_help().expect("a help text").to_string();
        assert!(help.ends_with(&format!("[default: {value}]")), "--{long}: {help}");
    }
}

#[test]
fn errors_say_what_is_allowed() {
    for (line, said) in [
        ("ringwire --message-bytes-max=1MB", "`1MB` is not a size in bytes such as 65536, 64KiB"),
        ("ringwire --pong-timeout=10", "`10` is not a duration such as 10s, 250ms"),
        ("ringwire --idle-timeout=never", "`never` is not `off` or a duration such as"),
        ("ringwire --tcp-notsent-lowat=x", "`x` is not `off` or a size"),
        ("ringwire --shards=two", "`two` is not `auto` or a number of shards"),
        ("ringwire --pin=all", "`all` is not `auto`, `none` or a list of cores such as 0,2,4-7"),
        ("ringwire --overflow=drop", "`drop` is not `disconnect` or `drop-newest`"),
        ("ringwire --steering=numa", "`numa` is not `off` or `cpu`"),
        ("ringwire --journal-fsync=100", "`100` is not `always`, `never` or a duration such as 100ms"),
        ("ringwire --admin-listen=off", "`off` is not `none`, an address with a port such as 127.0.0.1:9002"),
        ("ringwire --listen=localhost", "`localhost` is not an address with a port such as 127.0.0.1:9001"),
        ("ringwire --listen=example.org:9001", "`example.org:9001` is not an address with a port such as"),
        ("ringwire --listen=0.0.0.0", "`0.0.0.0` is not an address with a port"),
        ("ringwire --listen=:9001", "`:9001` is not an address with a port"),
        ("ringwire --listen=65536", "`65536` is not an address with a port"),
        ("ringwire --connections-max=-1", "invalid"),
    ] {
        let (kind, text) = error(line);
        assert_eq!(kind, ErrorKind::ValueValidation, "{line}: {text}");
        assert!(text.contains(said), "expected «{said}» in «{text}»");
    }
    assert_eq!(error("ringwire --port=1").0, ErrorKind::UnknownArgument);
    assert_eq!(error("ringwire serv").0, ErrorKind::InvalidSubcommand);
    assert_eq!(error("ringwire --shards=1 --shards=2").0, ErrorKind::ArgumentConflict);
}

#[test]
fn a_port_is_one_of_this_machine_alone() {
    for (typed, meant) in [
        ("9001", "127.0.0.1:9001"),
        ("localhost:81", "127.0.0.1:81"),
        ("0", "127.0.0.1:0"),
        ("0.0.0.0:80", "0.0.0.0:80"),
        ("[::]:80", "[::]:80"),
    ] {
        let config = options(&format!("ringwire --listen={typed}")).config().expect("valid");
        assert_eq!(config.listen.to_string(), meant, "{typed}");
        let in_file = file::parse(&format!("listen = \"{typed}\"\n")).expect("an address");
        assert_eq!(in_file.listen, config.listen);
    }
    assert_eq!(file::parse("listen = 81\n").expect("a port").listen.to_string(), "127.0.0.1:81");
}

#[test]
fn broken_rules_are_start_errors() {
    let error = options("ringwire --message-bytes-max=0").config().expect_err("a broken rule");
    assert!(matches!(error, StartError::Config(_)));
    assert!(error.to_string().contains("message_bytes_max = 0"), "{error}");
}

#[test]
fn the_command_line_overrides_the_file_and_the_file_the_defaults() {
    let path = std::env::temp_dir().join(format!("ringwire-cli-{}.toml", std::process::id()));
    std::fs::write(&path, "shards = 3\nconnections_max = 30\nidle_timeout = \"off\"\n").expect("a temporary file");
    let outcome = options(&format!("ringwire --shards=4 --config={}", path.display())).config();
    std::fs::remove_file(&path).expect("the file that we made");
    let config = outcome.expect("a good file");
    assert_eq!(config.shards, Shards::Count(4));
    assert_eq!(config.connections_max, 30);
    assert_eq!(config.idle_timeout, None);
    assert_eq!(config.close_timeout, Config::default().close_timeout);
}

/// Gone when dropped.
fn file_of(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    std::fs::write(&file, text).expect("it is ours");
    file
}

#[test]
fn a_file_overrides_a_profile_and_the_profile_the_defaults() {
    let config = options("ringwire --profile=lowlat").config().expect("a shipped profile");
    assert_eq!((config.busy_poll, config.steering), (Some(Duration::from_micros(50)), Steering::Cpu));
    assert_eq!(config.connections_max, Config::default().connections_max);
    let file = file_of("busy_poll = \"70us\"\nconnections_max = 30\n");
    let line = format!("ringwire --profile=lowlat --steering=off --config={}", file.path().display());
    let config = options(&line).config().expect("a good file");
    assert_eq!((config.busy_poll, config.steering), (Some(Duration::from_micros(70)), Steering::Off));
    assert_eq!((config.connections_max, config.turn_completions_max), (30, 128));
}

/// Whoever is named last, on whatever machine, gets a server that starts.
#[test]
fn every_shipped_profile_is_a_valid_configuration() {
    for name in ["fanout", "lowlat", "throughput", "laptop", "bench"] {
        for more in ["", " --shards=1", " --connections-max=1000000"] {
            options(&format!("ringwire --profile={name}{more}"))
                .config()
                .unwrap_or_else(|error| panic!("{name}{more}: {error}"));
        }
    }
    let many = options("ringwire --profile=fanout --connections-max=1000000").config().expect("valid");
    assert_eq!((many.connections_max, many.listen_backlog), (1_000_000, 65_535));
}

#[test]
fn a_wrong_profile_is_told_with_its_key_and_what_is_allowed() {
    let error = |line: &str| options(line).config().expect_err("a wrong profile").to_string();
    let unknown = error("ringwire --profile=fast");
    assert!(unknown.contains("no profile `fast`; there are fanout, lowlat"), "{unknown}");
    let file = file_of("name = \"mine\"\nabout = \"x\"\n[ringwire]\nshard = 2\n");
    let wrong = error(&format!("ringwire --profile={}", file.path().display()));
    assert!(
        wrong.contains("[ringwire]") && wrong.contains("unknown key `shard`; the nearest known one is `shards`"),
        "{wrong}"
    );
}

#[test]
fn an_admin_interface_for_all_needs_a_token() {
    let error = options("ringwire --admin-listen=0.0.0.0:9002").config().expect_err("no token");
    assert!(error.to_string().contains("--admin-token-file=FILE"), "{error}");
    let config = options("ringwire --admin-listen=0.0.0.0:9002 --admin-token-file=x").config().expect("valid");
    assert_eq!(config.admin.token_file.as_deref(), Some("x".as_ref()));
}

#[test]
fn a_rule_for_origins_that_is_none_is_a_start_error_of_the_node() {
    let options = options("ringwire --origins=https://a.test,a.test/path");
    let error = options.node_config().expect_err("a rule that is none");
    assert!(matches!(error, StartError::Origins(_)), "{error}");
    options.config().expect("echo and broadcast let all origins in");
}

#[test]
fn the_printed_configuration_is_a_file_with_the_same_meaning() {
    let config = options("ringwire --print-config --shards=2 --ping-interval=off").config().expect("valid");
    assert_eq!(file::parse(&file::print(&config)).expect("our own output"), *config);
}

#[test]
fn a_machine_that_refuses_is_told_with_all_that_mends_it() {
    let error = StartError::from(crate::server::StartError::from(crate::ring::probe::ProbeError::FileTable {
        connections_max: 50_000,
        shard_count: 1,
        table: 50_000,
        nofile: 20_000,
    }));
    let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1], "  → use --shards=3");
    assert!(lines[2].starts_with("  → or raise the limit: sudo prlimit"), "{lines:?}");
}

#[test]
fn a_server_that_keeps_nothing_takes_no_journal() {
    for good in ["ringwire echo", "ringwire broadcast --journal=none", "ringwire echo --shards=1"] {
        assert!(options(good).bare_config().is_ok(), "{good}");
    }
    for bad in ["ringwire echo --journal=/tmp/x", "ringwire broadcast --journal-fsync=never"] {
        let error = options(bad).bare_config().expect_err(bad);
        assert!(matches!(error, StartError::NothingToKeep) && error.to_string().contains("ringwire serve"), "{error}");
    }
}
