//! `innkeeper whitelist test`: whole outputs for people and programs, and the filter, whose pipe stays live.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};

use innkeeper::config::DEFAULT_YAML;

use crate::it::harness::folder::{Folder, golden};

/// A list with something of everything.
const SETTINGS: &str = "\
listen: true
protocol:
  ipv6: true
whitelist:
  - ::1
  - 127.0.0.1
  - 192.168.0.0/24 # at home
  - 2001:db8::/32
  - 10.0.0.5-10.0.0.9 # 'printers'
innkeeper:
  trustedProxies:
    - 10.0.0.1
    - 172.16.0.0/12 # the tunnel
";

/// Each with a `$` line, its output and its exit code.
fn told(folder: &Folder, commands: &[&[&str]]) -> String {
    commands
        .iter()
        .map(|arguments| folder.told(&[&["whitelist", "test"], *arguments].concat(), &[]))
        .collect()
}

#[test]
fn explanations() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let text = told(
        &folder,
        &[
            &["192.168.0.7"],
            &["192.168.1.23", "::1", "10.0.0.9"],
            // Every spelling of an address.
            &["192.168.0.7:4711", "::ffff:192.168.0.7", "[2001:DB8::7]:443", "fe80::7%eth0", " 10.0.0.5 "],
            // Whom nobody knows how to ask about; the others are answered.
            &["127.1", "10.0.0.0/8", "phone.lan", "192.168.0.8", "a b", ""],
            &["300.1.1.1"],
            &["192.168.0.7", "--peer", "10.0.0.1"],
            &["192.168.1.7", "--peer", "172.20.0.4"],
            &["192.168.0.7", "--peer", "172.20.0.4", "--forwarded", "6.6.6.6, 127.0.0.1"],
            &["172.20.0.4", "--forwarded", "8.8.8.8, 192.168.0.9, 10.0.0.1"],
            &["192.168.0.7", "--forwarded", "192.168.0.8"],
            &["192.168.0.7", "--forwarded", "8.8.8.8"],
            &["8.8.8.8", "--peer", "9.9.9.9"],
            &["192.168.0.7", "--forwarded", "unknown"],
            &["10.0.0.1", "--forwarded", "_hidden, \"quoted\""],
            &["10.0.0.1", "--header", "X-Real-IP: 192.168.0.7"],
            &["10.0.0.1", "--header", "forwarded: for=192.168.0.7"],
            &["192.168.0.7", "--header", "CF-Connecting-IP: 8.8.8.8"],
            &["192.168.0.7", "--host", "tavern.example:8000"],
            &["192.168.0.7", "--host", "192.168.0.2:8000"],
            &["192.168.0.7", "--host", "a b"],
            &["192.168.0.7", "--user", "ann"],
        ],
    );
    golden("trial.txt", &text);
}

#[test]
fn for_programs() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let text = told(
        &folder,
        &[
            &["--json", "192.168.0.7", "192.168.1.23"],
            &["--json", "192.168.0.7", "--peer", "10.0.0.1", "--host", "localhost"],
            &["--json", "x", "192.168.0.7"],
            &["--json", "x"],
        ],
    );
    golden("trial-json.txt", &text);
}

#[test]
fn every_kind_of_settings() {
    let mut text = String::new();
    let mut with = |files: &[(&str, &str)], commands: &[&[&str]]| {
        let mut named = String::new();
        for (name, content) in files {
            let _ = write!(named, "--- {name}\n{content}");
        }
        text += &named;
        text += &told(&Folder::with(files), commands);
    };
    let password = "basicAuthMode: true\nbasicAuthUser: {username: ann, password: 'correct horse'}\n";
    let list = "listen: true\nwhitelist: [192.168.0.0/24]\n";
    with(
        &[("config.yaml", &format!("{list}{password}"))],
        &[
            &["192.168.0.7"],
            &["192.168.0.7", "--user", "ann"],
            &["192.168.0.7", "--user", "eve"],
            &["8.8.8.8"],
        ],
    );
    with(
        &[("config.yaml", &format!("{list}{password}innkeeper: {{satisfy: any}}\n"))],
        &[&["192.168.0.7"], &["8.8.8.8", "--user", "ann"], &["8.8.8.8", "--user", "eve"]],
    );
    with(
        &[("config.yaml", &format!("{list}{password}innkeeper: {{publicPaths: [/]}}\n"))],
        &[&["192.168.0.7"]],
    );
    with(&[("config.yaml", &format!("{list}innkeeper: {{requireHttps: true}}\n"))], &[&["192.168.0.7"]]);
    // Who comes over https to a proxy of ours has come over https.
    let behind =
        |proxy: &'static str, header: &'static str| ["192.168.0.7", "--peer", proxy, "--header", header];
    let proxied = "innkeeper:\n  requireHttps: true\n  trustedProxies: [192.168.0.2]\n";
    with(
        &[("config.yaml", &format!("{list}{proxied}"))],
        &[
            &["192.168.0.7", "--peer", "192.168.0.2"],
            &behind("192.168.0.2", "X-Forwarded-Proto: https"),
            &behind("192.168.0.2", "x-forwarded-proto: https, http"),
            &behind("192.168.0.3", "X-Forwarded-Proto: https"),
            &["192.168.0.7", "--header", "X-Forwarded-Proto: https"],
        ],
    );
    with(
        &[("config.yaml", &format!("{list}innkeeper: {{trustedProxies: [192.168.0.2]}}\n"))],
        &[
            &behind("192.168.0.2", "X-Forwarded-Proto: https"),
            &behind("192.168.0.2", "X-Forwarded-Proto: http"),
        ],
    );
    with(
        &[("config.yaml", &format!("{list}hostWhitelist: {{enabled: true, hosts: [tavern.example]}}\n"))],
        &[
            &["192.168.0.7"],
            &["192.168.0.7", "--host", "tavern.example"],
            &["192.168.0.7", "--host", "other.example:8000"],
        ],
    );
    with(
        &[("config.yaml", &format!("{list}enableForwardedWhitelist: false\n"))],
        &[&["192.168.0.7", "--forwarded", "8.8.8.8"], &["192.168.0.7", "--forwarded", "junk"]],
    );
    // Only this computer can connect.
    with(
        &[("config.yaml", "whitelist: [192.168.0.0/24, 127.0.0.1]\nbasicAuthMode: true\n")],
        &[&["192.168.0.7"], &["127.0.0.1"], &["::1"]],
    );
    with(
        &[("config.yaml", "listen: true\nlistenAddress: {ipv4: 127.0.0.1}\nwhitelist: [192.168.0.7]\n")],
        &[&["192.168.0.7"]],
    );
    with(&[("config.yaml", "whitelistMode: false\n")], &[&["127.0.0.1"]]);
    with(&[("config.yaml", "listen: true\nwhitelist: []\n")], &[&["127.0.0.1"]]);
    // `serve` would not start.
    with(&[("config.yaml", "listen: true\nwhitelistMode: false\n")], &[&["127.0.0.1"], &["-"]]);
    with(&[("config.yaml", "listen: maybe\n")], &[&["127.0.0.1"]]);
    with(&[], &[&["127.0.0.1"]]);
    with(
        &[
            ("config.yaml", "listen: true\n"),
            ("whitelist.txt", "# mine\n10.0.0.0/8 # all of them\n10.0.0.1/\n"),
        ],
        &[&["10.1.2.3"], &["127.0.0.1", "--quiet"]],
    );
    with(
        &[("config.toml", "listen = true\nwhitelist = [\n  \"10.0.0.0/8\", # all of them\n]\n")],
        &[&["10.1.2.3"], &["127.0.0.1"]],
    );
    golden("trial-settings.txt", &text);
}

#[test]
fn lists_from_elsewhere() {
    let folder = Folder::with(&[("config.yaml", "listen: true\n")]);
    let list = [("INNKEEPER_WHITELIST", "[\"10.0.0.0/8\",\"localhost\"]")];
    let mut text = folder.told(&["whitelist", "test", "10.1.2.3"], &list);
    text += &folder.told(&["whitelist", "test", "8.8.8.8"], &list);
    // A name stands for what it stands for with `serve`.
    text += &folder.told(&["whitelist", "test", "127.0.0.1"], &list);
    let empty = Folder::with(&[]);
    text += &empty.told(&["whitelist", "test", "127.0.0.1", "--config", "other.yaml"], &[]);
    fs::create_dir(empty.path("other")).unwrap();
    fs::write(empty.path("other/config.yaml"), "whitelist: [10.0.0.1]\n").unwrap();
    let other = empty.run(&["whitelist", "test", "10.0.0.2", "--config", "other/config.yaml"]);
    let said = String::from_utf8(other.stdout).unwrap();
    text += &said.replace(&empty.root().display().to_string(), "{folder}");
    golden("trial-elsewhere.txt", &text);
}

/// A container knows its host by names; outside of one the setting says nothing.
#[test]
fn container_hosts() {
    let folder = Folder::with(&[(
        "config.yaml",
        "listen: true\nwhitelist: [127.0.0.1]\nwhitelistDockerHosts: true\n",
    )]);
    let output = folder.run(&["whitelist", "test", "127.0.0.1", "--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("\"source\": \"config.yaml:2\""));
}

#[test]
fn accounts() {
    let folder = Folder::with(&[(
        "config.yaml",
        "listen: true\nwhitelist: [127.0.0.1]\nbasicAuthMode: true\nenableUserAccounts: true\nperUserBasicAuth: true\n",
    )]);
    let storage = folder.path("data/_storage");
    fs::create_dir_all(&storage).unwrap();
    for entry in fs::read_dir("tests/conformance/accounts/_storage").unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), storage.join(entry.file_name())).unwrap();
    }
    let users = ["anna-muller", "bob", "carol-2", "nobody"];
    let text: String = users.map(|user| told(&folder, &[&["127.0.0.1", "--user", user]])).concat();
    golden("trial-accounts.txt", &text);
}

#[test]
fn misuse() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let text = told(
        &folder,
        &[
            &[],
            &["-", "127.0.0.1"],
            &["-", "--json"],
            &["--file", "x", "127.0.0.1"],
            &["--file", "x", "--host", "a"],
            &["--file", "missing.txt"],
            &["--file", "."],
            &["127.0.0.1", "--count"],
            &["127.0.0.1", "--only", "allowed"],
            &["-", "--only", "some"],
            &["127.0.0.1", "--header", "X-Real-IP"],
            &["127.0.0.1", "--header", "X-Client-IP: 1.2.3.4", "--peer", "here"],
        ],
    );
    golden("trial-misuse.txt", &text);
}

const LINES: &str = "\
192.168.0.7
  10.0.0.5\t\r
# nobody

8.8.8.8 # a name server
::ffff:192.168.0.7
[2001:db8::1]:443
10.0.0.0/8
fe80::7%eth0
1.2.3.4, 5.6.7.8
Mon Nov 23 10:00:00 2026 192.168.0.7 curl/8.0
127.0.0.1";

#[test]
fn a_file_as_input() {
    let folder =
        Folder::with(&[("config.yaml", SETTINGS), ("lines.txt", LINES), ("good.txt", "127.0.0.1\n::1\n")]);
    fs::write(folder.path("mixed.txt"), "127.0.0.1\n8.8.8.8\n").unwrap();
    fs::write(folder.path("empty.txt"), "").unwrap();
    let text = told(
        &folder,
        &[
            &["--file", "lines.txt"],
            &["--file", "lines.txt", "--only", "allowed", "--quiet"],
            &["--file", "good.txt", "--only", "refused"],
            &["--file", "mixed.txt", "--only", "refused"],
            &["--file", "mixed.txt", "--count"],
            &["--file", "mixed.txt", "--count", "--only", "allowed"],
            &["--file", "mixed.txt", "--count", "--only", "refused"],
            &["--file", "empty.txt"],
            &["--file", "empty.txt", "--count"],
        ],
    );
    golden("trial-filter.txt", &text);
}

/// What is asked is answered before more is asked.
#[test]
fn a_pipe_stays_live() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let mut child = filter(&folder, &[]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut answer = || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line
    };
    stdin.write_all(b"192.168.0.7\n").unwrap();
    assert_eq!(answer(), "allowed\t192.168.0.7\t192.168.0.0/24 (config.yaml:7)\n");
    // A line counts when it is whole, and those before it do not wait for it.
    stdin.write_all(b"8.8.8.8\n192.168.0").unwrap();
    assert_eq!(answer(), "refused\t8.8.8.8\t-\n");
    stdin.write_all(b".9\n10.0.0.9").unwrap();
    assert_eq!(answer(), "allowed\t192.168.0.9\t192.168.0.0/24 (config.yaml:7)\n");
    drop(stdin);
    assert_eq!(answer(), "allowed\t10.0.0.9\t10.0.0.5-10.0.0.9 (config.yaml:9)\n");
    assert_eq!(answer(), "");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    fs::write(folder.path("many.txt"), "8.8.8.8\n".repeat(1_000_000)).unwrap();
    let mut child = folder
        .command(&["whitelist", "test", "--file", "many.txt"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "refused\t8.8.8.8\t-\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// A disk that is full is one.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_failure() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut child = filter(&folder, &[]).stdout(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"8.8.8.8\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("error: cannot write the verdicts\n  caused by: No space left"), "{said}");
}

/// Many batches and many workers: every line has its answer, in order, and mistakes have their numbers.
#[test]
fn order_and_numbers_over_many_batches() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    let mut input = String::new();
    let mut expected = String::new();
    let mut complaints = String::new();
    for number in 1..=200_000_u32 {
        let address = IpAddr::from((number.wrapping_mul(2_654_435_761)).to_be_bytes());
        if number % 50_000 == 7 {
            input += "no address\n";
            let _ =
                writeln!(complaints, "error: standard input:{number}: `no address` has white space inside");
            complaints += "hint: write one address and nothing else, such as `no`\n";
        } else if number % 3 == 0 {
            let _ = writeln!(input, "192.168.0.{}", number % 256);
            let _ = writeln!(expected, "allowed\t192.168.0.{}\t192.168.0.0/24 (config.yaml:7)", number % 256);
        } else if number % 1000 == 1 {
            // Longer than the others, so that lines end at any place of a batch.
            let _ = writeln!(input, "   {address} # {}", "x".repeat(number as usize % 997));
            let _ = writeln!(expected, "refused\t{address}\t-");
        } else {
            let _ = writeln!(input, "{address}");
            let _ = writeln!(expected, "refused\t{address}\t-");
        }
    }
    let listed =
        |line: &str| line.starts_with("refused\t192.168.0.") || line.starts_with("refused\t127.0.0.1\t");
    assert!(!expected.lines().any(listed), "the made up addresses are not in the list");
    let (output, said, code) = filtered(&folder, &[], input.into_bytes());
    assert!(output == expected);
    assert_eq!((said.as_str(), code), (complaints.as_str(), Some(2)));
}

/// Whatever the length of a line, memory does not grow with it and the lines around it are answered.
#[test]
fn a_line_without_end() {
    let folder = Folder::with(&[("config.yaml", SETTINGS)]);
    for length in [1, 255, 256, 257, 262_143, 262_144, 262_145, 600_000] {
        for letter in ["1", " ", "x"] {
            let input = format!("127.0.0.1\n{}\n::1\n", letter.repeat(length));
            let (output, said, code) = filtered(&folder, &["--only", "allowed"], input.into_bytes());
            assert_eq!(
                output,
                "allowed\t127.0.0.1\t127.0.0.1 (config.yaml:6)\nallowed\t::1\t::1 (config.yaml:5)\n"
            );
            let is_blank = letter == " " && length < 262_144;
            let number = if said.is_empty() { "" } else { "error: standard input:2: " };
            assert!(said.starts_with(number) && said.len() < 600, "{length} {letter:?}: {said}");
            assert_eq!(
                (said.is_empty(), code),
                (is_blank, Some(if is_blank { 0 } else { 2 })),
                "{length} {letter:?}"
            );
        }
    }
    // A beginning that looks like an address is none.
    let input = format!("127.0.0.1{}\n", " ".repeat(400_000));
    assert_eq!(filtered(&folder, &[], input.into_bytes()).2, Some(2));
    let input = format!("# {}\n", "x".repeat(400_000));
    assert_eq!(filtered(&folder, &[], input.into_bytes()).2, Some(0));
    assert_eq!(filtered(&folder, &[], b"127.0.0.1\n\xff\xfe\n".to_vec()).2, Some(2));
}

/// The filter judges by the address alone; the explanation makes a request and asks about that.
#[test]
fn the_filter_and_the_explanation_agree() {
    let lists = ["192.168.0.0/24, '10.*.0.*', 2001:db8::/32, 64.0.0.0/2", ""];
    let sign_in = "basicAuthMode: true\nbasicAuthUser: {username: ann, password: 'correct horse'}\n";
    let others = [
        "",
        sign_in,
        "innkeeper: {satisfy: any}\n",
        "innkeeper: {requireHttps: true}\n",
        "whitelistMode: false\n",
    ];
    let mut addresses: Vec<String> =
        vec!["192.168.0.7".into(), "10.9.0.9".into(), "2001:db8::1".into(), "::1".into()];
    let mut state = 1_u64;
    for _ in 0..40 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = u32::try_from(state >> 32).unwrap();
        addresses.push(IpAddr::from(bits.to_be_bytes()).to_string());
    }
    let mut verdicts = std::collections::BTreeSet::new();
    for list in lists {
        for other in others.iter().copied().chain(["both"]) {
            let other = if other == "both" {
                format!("{sign_in}innkeeper: {{satisfy: any}}\n")
            } else {
                other.to_owned()
            };
            let open = if other.contains("whitelistMode") { "securityOverride: true\n" } else { "" };
            let folder = Folder::with(&[(
                "config.yaml",
                &format!("listen: true\nwhitelist: [{list}]\n{other}{open}"),
            )]);
            let (lines, ..) = filtered(&folder, &[], (addresses.join("\n") + "\n").into_bytes());
            let mut arguments = vec!["whitelist", "test", "--json", "--quiet"];
            arguments.extend(addresses.iter().map(String::as_str));
            let output = folder.run(&arguments);
            let explained: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((lines.lines().count(), explained.len()), (addresses.len(), addresses.len()));
            for (line, explained) in lines.lines().zip(&explained) {
                let verdict = explained["result"].as_str().unwrap().split('-').next().unwrap().to_owned();
                let address = explained["address"].as_str().unwrap();
                assert!(line.starts_with(&format!("{verdict}\t{address}\t")), "{line} {explained}");
                verdicts.insert(explained["result"].as_str().unwrap().to_owned());
            }
        }
    }
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
}

/// `innkeeper whitelist test -`.
fn filter(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(&[&["whitelist", "test", "-"], arguments].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What the filter makes of `input`: stdout, stderr and the exit code.
fn filtered(folder: &Folder, arguments: &[&str], input: Vec<u8>) -> (String, String, Option<i32>) {
    let mut child = filter(folder, arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::spawn(move || stdin.write_all(&input));
    let mut stderr = child.stderr.take().unwrap();
    let complaints = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), complaints.join().unwrap(), output.status.code())
}

#[test]
fn the_default_settings() {
    let folder = Folder::with(&[("config.yaml", DEFAULT_YAML)]);
    folder.done(&["whitelist", "add", "192.168.0.7", "--note", "the phone", "--quiet"]);
    golden("trial-default.txt", &told(&folder, &[&["192.168.0.7"], &["127.0.0.1", "::1"], &["--help"]]));
}
