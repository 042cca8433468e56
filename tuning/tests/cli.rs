//! The program as its user runs it: on a machine of files, on this one, and without rights.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the smallest machine has that a profile can be planned for.
const MACHINE: &[(&str, &str)] = &[
    ("proc/meminfo", "MemTotal:       24650752 kB\n"),
    ("proc/self/status", "Cpus_allowed_list:\t0-1\n"),
    (
        "proc/self/limits",
        "Max locked memory         8388608              8388608              bytes\n\
         Max open files            1024                 20000                files\n",
    ),
    ("proc/cmdline", "ro quiet\n"),
    ("proc/sys/kernel/random/boot_id", "6b0c8a1e\n"),
    ("proc/sys/fs/nr_open", "1048576\n"),
    ("proc/sys/fs/file-max", "9223372036854775807\n"),
    ("proc/sys/net/core/somaxconn", "4096\n"),
    ("proc/sys/net/ipv4/tcp_max_syn_backlog", "1024\n"),
    ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
];

fn machine() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in MACHINE {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_none_or(|extension| extension != "lock") {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn program(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringwire-tune"));
    command.args(arguments).arg("--root").arg(root);
    command
}

fn run(root: &Path, arguments: &[&str]) -> (i32, String, String) {
    said(&program(root, arguments).output().unwrap())
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_machine_is_planned_for_checked_changed_and_put_back() {
    let root = machine();
    let before = files(root.path());
    let (code, plan, _) = run(root.path(), &["plan", "fanout", "--connections=1M"]);
    assert_eq!(code, 0);
    assert!(plan.contains("1000000 connections take 64 shards"), "{plan}");
    assert!(plan.contains("net.core.netdev_max_backlog") && plan.contains("skipped: this kernel"), "{plan}");
    assert_eq!(run(root.path(), &["check", "fanout"]).0, 1);
    assert_eq!(files(root.path()), before, "plan and check change nothing");
    let (code, applied, _) = run(root.path(), &["apply", "fanout", "--connections=1M"]);
    assert_eq!(code, 0);
    assert!(applied.contains("net.core.somaxconn: 4096 -> 65535"), "{applied}");
    assert!(applied.contains("Left out for their risk:"), "{applied}");
    assert_eq!(fs::read_to_string(root.path().join("proc/sys/net/core/somaxconn")).unwrap(), "65535");
    assert_eq!(run(root.path(), &["check", "fanout", "--only=sysctl", "--connections=1M"]).0, 0);
    let (code, again, _) = run(root.path(), &["apply", "fanout", "--connections=1M"]);
    assert!(code == 0 && again.contains("nothing to change"), "{again}");
    let (code, _, _) = run(root.path(), &["apply", "fanout", "--allow-risk=trade-off", "--only=net.ipv4.tcp_rmem"]);
    assert_eq!(code, 0);
    let (code, reverted, _) = run(root.path(), &["revert"]);
    assert!(code == 0 && reverted.contains("as it was before fanout, fanout"), "{reverted}");
    // The files of this machine take text as it is, without the kernel's line end.
    let plain = |files: BTreeMap<PathBuf, Vec<u8>>| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
        files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(plain(files(root.path())), plain(before));
    assert!(run(root.path(), &["revert"]).1.contains("nothing was applied"));
}

#[test]
fn what_is_printed_for_programs_is_json() {
    let root = machine();
    for arguments in [&["plan", "fanout", "--json"][..], &["check", "lowlat", "--json"]] {
        let (_, json, _) = run(root.path(), arguments);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(json["settings"].as_array().unwrap().len() > 10);
        assert_eq!(json["met"], false);
        assert!(json["capacity"]["bounds"][0]["connections"].is_u64());
    }
}

#[test]
fn each_profile_is_listed_shown_and_exported() {
    let root = machine();
    let (_, list, _) = run(root.path(), &["list"]);
    for name in ["fanout", "lowlat", "throughput", "laptop", "bench"] {
        assert!(list.contains(name), "{list}");
        let (code, shown, _) = run(root.path(), &["show", name]);
        assert!(code == 0 && shown.contains("https://"), "{shown}");
        for form in ["sysctl", "systemd", "tuned", "docker", "k8s"] {
            let (code, exported, _) = run(root.path(), &["export", form, name]);
            assert!(code == 0 && exported.contains(&format!("`{name}`")), "{exported}");
        }
    }
    assert!(run(root.path(), &["affinity"]).1.contains("shards: 2 on 0,1"));
    assert!(run(root.path(), &["plan", "bench"]).1.starts_with("FOR MEASURING ONLY"));
}

#[test]
fn what_is_typed_wrong_is_told_with_what_is_right() {
    let root = machine();
    let wrong = |arguments: &[&str], words: &str| {
        let (code, _, said) = run(root.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    wrong(&["plan", "fast"], "there are fanout, lowlat, throughput, laptop, bench");
    wrong(&["plan", "./fast.toml"], "cannot read ./fast.toml");
    wrong(&["plan", "fanout", "--connections=many"], "as 250000, 250k or 1M");
    wrong(&["apply", "fanout", "--only=net.ipv9"], "--only=net.ipv9: nothing in the profile `fanout`");
    wrong(&["apply", "fanout", "--allow-risk=all"], "trade-off");
    wrong(&["export", "json", "fanout"], "sysctl");
    let file = root.path().join("mine.toml");
    let text = "name = \"mine\"\nabout = \"Mine.\"\n\n[[setting]]\nsysctl = \"net.core.somaxconn\"\nvalue = 1\nunit = \"cats\"\n\
                why = \"So.\"\nsource = \"https://example.org\"\nrisk = \"safe\"\n";
    fs::write(&file, text).unwrap();
    wrong(&["plan", file.to_str().unwrap()], "mine.toml:7: unit: no \"cats\"; there are none, connections");
}

/// As somebody who may change nothing: what can be told is told, and an apply says what it would need.
#[test]
fn without_root_plan_and_check_work_and_apply_says_what_it_needs() {
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwire-tune"));
        command.args(arguments).current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        match command.output() {
            Ok(output) => Some(said(&output)),
            // Its folder is closed to others.
            Err(error) => {
                println!("NOT CHECKED: nobody cannot run it here: {error}");
                None
            }
        }
    };
    let Some((code, plan, _)) = as_nobody(&["plan", "fanout"]) else { return };
    assert!(code == 0 && plan.contains("net.core.somaxconn"), "{plan}");
    let (code, checked, _) = as_nobody(&["check", "fanout"]).unwrap();
    assert!(code <= 1 && checked.contains("net.core.somaxconn"), "{checked}");
    let (code, _, error) = as_nobody(&["apply", "fanout", "--connections=900k"]).unwrap();
    assert!(code == 1 && error.contains("need root") && error.contains("nothing was changed"), "{error}");
}

/// One harmless setting of this machine, there and back.
#[test]
fn this_machine_is_changed_and_put_back_exactly() {
    let path = Path::new("/proc/sys/net/ipv4/tcp_slow_start_after_idle");
    let before = fs::read(path).unwrap_or_default();
    let writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    if !rustix::process::geteuid().is_root() || !writable || before != b"1\n" {
        println!("NOT CHECKED: not root, or not as it comes: {}", String::from_utf8_lossy(&before));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let tune = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringwire-tune"));
        said(&command.args(arguments).arg("--state").arg(&state).output().unwrap())
    };
    let applied = tune(&["apply", "fanout", "--only=net.ipv4.tcp_slow_start_after_idle"]);
    let between = fs::read(path).unwrap();
    let reverted = tune(&["revert"]);
    assert_eq!(fs::read(path).unwrap(), before, "{reverted:?}");
    assert_eq!((applied.0, reverted.0), (0, 0), "{applied:?} {reverted:?}");
    assert_eq!(between, b"0\n");
    assert!(!state.exists());
}
