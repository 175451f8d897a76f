//! `whitelist import` and `whitelist migrate`: whole outputs, what is in force at every step, and random lists.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use innkeeper::config::{Flags, ListOrigin, Settings, Variables};
use innkeeper::policy::address::{Entry, IpPattern};
use proptest::prelude::*;

use crate::it::harness::app::App;
use crate::it::harness::client::Client;
use crate::it::harness::folder::{Folder, golden};
use crate::it::harness::{Innkeeper, PATIENCE};

const YAML: &str = "# mine\nport: 1\nwhitelist:\n  - ::1\n  - 127.0.0.1 # here\n  - 10.0.0.0/8\n# end\n";
const TOML: &str =
    "# mine\nport = 1\nwhitelist = [\n  \"::1\",\n  \"127.0.0.1\", # here\n  \"10.0.0.0/8\",\n]\n# end\n";
const TEXT: &str = "::1\n127.0.0.1 # here\n10.0.0.0/8\n";

const MIXED: &str = "\
ip,name
# a comment
192.168.1.1,Ann
\"192.168.1.2\",\"Bob, the other\"
192.168.1.3 # Ann's phone
10.9.9.9
192.168.1.1
192.168.2.0/24
192.168.2.7 ; covered by the one above
allow 192.168.3.1; # nginx
Allow from 192.168.3.2 192.168.3.3
phone.lan
10.1.2.3/16
192.168.4.1/24
";

const JUNK: &str = "\
deny all;
192.168.1.1
Deny from 192.168.1.2
127.1
allow all;
0.0.0.0/0
phone
192.168.1.3 REJECT
";

#[test]
fn a_session() {
    for (name, text) in [("config.yaml", YAML), ("config.toml", TOML), ("whitelist.txt", TEXT)] {
        let folder = Folder::with(&[(name, text), ("mixed.csv", MIXED), ("junk.txt", JUNK)]);
        if name == "whitelist.txt" {
            fs::write(folder.path("config.yaml"), "port: 1\n").unwrap();
        }
        let mut told = String::new();
        told += &folder.told(&["whitelist", "import", "junk.txt"], &[]);
        told += &folder.told(&["whitelist", "import", "none.txt"], &[]);
        assert_eq!(folder.text(name), text);
        told += &folder.told(&["whitelist", "import", "mixed.csv", "--dry-run"], &[]);
        assert_eq!(folder.text(name), text);
        told += &folder.told(&["whitelist", "import", "mixed.csv", "--note", "from Ann"], &[]);
        let after = folder.text(name);
        told += &folder.told(&["whitelist", "import", "mixed.csv"], &[]);
        told += &folder.told(&["whitelist", "import", "junk.txt", "--skip"], &[]);
        assert_eq!(folder.text(name), after);
        told += &folder.told_reading("203.0.113.1\n", &["whitelist", "import", "-"]);
        told += &folder.told_reading("0.0.0.0/1\n128.0.0.0/1\n", &["whitelist", "import", "-"]);
        told += &folder.told_reading("", &["whitelist", "import", "-"]);
        let _ = write!(told, "---- {name}\n{}", folder.text(name));
        golden(&format!("import.{}.txt", name.rsplit('.').next().unwrap()), &told);
    }
}

#[test]
fn many_bad_lines_are_counted() {
    let folder = Folder::with(&[("config.yaml", YAML)]);
    let bad: String =
        (300..330).fold(String::new(), |text, number| text + "10.0.0." + &number.to_string() + "\n");
    let hosts: String =
        (0..30).fold(String::new(), |text, number| text + "172.16." + &number.to_string() + ".1/24\n");
    let mut told = folder.told_reading("", &["whitelist", "import", "-"]);
    fs::write(folder.path("bad.txt"), bad).unwrap();
    fs::write(folder.path("hosts.txt"), hosts).unwrap();
    told += &folder.told(&["whitelist", "import", "bad.txt"], &[]);
    told += &folder.told(&["whitelist", "import", "bad.txt", "--skip"], &[]);
    told += &folder.told(&["whitelist", "import", "hosts.txt", "--quiet"], &[]);
    assert_eq!(folder.text("config.yaml").matches("172.16.").count(), 30);
    fs::write(folder.path("wide.txt"), b"\xff\xfe1\x000\x00").unwrap();
    told += &folder.told(&["whitelist", "import", "wide.txt"], &[]);
    // A note that is not UTF-8, a list in one line, a list that is not there yet, an empty one.
    fs::write(folder.path("latin.txt"), b"192.168.1.1 # Gr\xfcn\n").unwrap();
    for (name, text) in [
        ("flow.yaml", "whitelist: [::1]\n"),
        ("line.toml", "whitelist = [\"::1\"]\n"),
        ("none.yaml", "port: 1\n"),
        ("none.toml", "port = 1\n"),
        ("empty.yaml", "whitelist: []\n"),
        ("own.yaml", "innkeeper:\n  whitelist:\n    - ::1\nwhitelist: []\n"),
    ] {
        fs::write(folder.path(name), text).unwrap();
        told += &folder.told(&["whitelist", "import", "latin.txt", "--config", name], &[]);
        let _ = writeln!(told, "---- {name}\n{}", folder.text(name));
    }
    golden("import-many.txt", &told);
}

/// Which entries are in force, as a server would read them.
fn in_force(config: &Path) -> BTreeSet<String> {
    let read = Settings::read(config, &Flags::default(), &Variables::default()).unwrap();
    let meant = |text: &str| text.parse::<Entry>().ok().map(|entry| entry.to_string());
    read.whitelist.entries.iter().filter_map(|entry| meant(&entry.text)).collect()
}

#[test]
fn migrate() {
    let text = "127.0.0.1 # here\n::1\n192.168.1.7 # Ann's\nphone.lan\n127.1\n10.*\n10.0.0.0/8\n";
    let configs = [
        (
            "config.yaml",
            "# mine\nport: 1\nwhitelist: # b\n  # c\n  - 127.0.0.1 # kept\n  - 203.0.113.0/24 # not in force\n  - 10.0.0.0/8\n  - 999\n# end\n",
        ),
        (
            "config.toml",
            "# mine\nport = 1\nwhitelist = [ # b\n  # c\n  \"127.0.0.1\", # kept\n  \"203.0.113.0/24\", # not in force\n  \"10.0.0.0/8\",\n  \"999\",\n]\n# end\n",
        ),
        ("none.yaml", "port: 1\n"),
        ("none.toml", "port = 1\n"),
        ("line.yaml", "whitelist: [203.0.113.9]\n"),
        ("line.toml", "whitelist = [\"203.0.113.9\", \"::1\"]\n"),
        ("own.yaml", "whitelist: [203.0.113.9]\ninnkeeper:\n  whitelist:\n    - 203.0.113.8\n"),
        ("same.yaml", "whitelist:\n  - ::1\n  - 10.0.0.0/8\n  - phone.LAN\n  - 192.168.1.7\n  - 127.0.0.1\n"),
    ];
    let mut told = String::new();
    for (name, config) in configs {
        let folder =
            Folder::with(&[(name, config), ("whitelist.txt", text), ("whitelist.txt.bak", "mine\n")]);
        let before = in_force(&folder.path(name));
        if name == "config.yaml" {
            told += &folder.told(&["whitelist", "migrate", "--dry-run", "--config", name], &[]);
            assert_eq!((folder.text(name).as_str(), folder.text("whitelist.txt").as_str()), (config, text));
        }
        told += &folder.told(&["whitelist", "migrate", "--config", name], &[]);
        assert_eq!(in_force(&folder.path(name)), before, "{name}");
        assert_eq!(folder.text("whitelist.txt.bak"), "mine\n");
        assert_eq!(folder.text("whitelist.txt.bak.1"), text);
        let _ = writeln!(told, "---- {name}\n{}", folder.text(name));
        told += &folder.told(&["whitelist", "migrate", "--config", name], &[]);
        // Killed between the two steps: both are there, and the same list is in force. Again, and it is done.
        fs::rename(folder.path("whitelist.txt.bak.1"), folder.path("whitelist.txt")).unwrap();
        assert_eq!(in_force(&folder.path(name)), before, "{name}");
        let written = folder.text(name);
        folder.done(&["whitelist", "migrate", "--config", name]);
        assert_eq!((folder.text(name), in_force(&folder.path(name))), (written, before), "{name}");
    }
    golden("migrate.txt", &told);
}

#[test]
fn migrate_where_another_list_would_come_into_force() {
    let folder = Folder::with(&[("config.yaml", "port: 1\n"), ("whitelist.txt", "127.0.0.1\n")]);
    let mut told = folder.told(&["whitelist", "migrate"], &[("INNKEEPER_WHITELIST", "[\"0.0.0.0/0\"]")]);
    assert_eq!(folder.text("whitelist.txt"), "127.0.0.1\n");
    // Nobody at all comes in: nobody comes in afterwards.
    fs::write(folder.path("whitelist.txt"), "# nobody\n").unwrap();
    told += &folder.told(&["whitelist", "migrate"], &[]);
    told += &folder.text("config.yaml");
    assert_eq!(in_force(&folder.path("config.yaml")), BTreeSet::new());
    golden("migrate-elsewhere.txt", &told);
}

/// A reader that comes between its two looks, which are in this order, sees the list in force.
#[test]
fn no_reader_sees_a_list_that_never_counted() {
    let folder =
        Folder::with(&[("config.yaml", "whitelist: [203.0.113.9]\n"), ("whitelist.txt", "127.0.0.1\n")]);
    let config = folder.path("config.yaml");
    let expected = BTreeSet::from(["127.0.0.1".to_owned()]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            loop {
                let read = Settings::read(&config, &Flags::default(), &Variables::default()).unwrap();
                let entries: BTreeSet<String> =
                    read.whitelist.entries.iter().map(|entry| entry.text.to_string()).collect();
                assert_eq!(entries, expected);
                reads += 1;
                if matches!(read.whitelist.origin, ListOrigin::Setting(_)) {
                    return reads;
                }
            }
        });
        folder.done(&["whitelist", "migrate"]);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn a_running_server_goes_on_with_the_list_that_moved() {
    let app = App::fine();
    let own = format!("upstream: {}", app.url);
    let server =
        Innkeeper::start_with("whitelist: [203.0.113.9]", &own, &[("whitelist.txt", b"127.0.0.1\n")]);
    let mut client = Client::of(&server);
    assert_eq!(client.get("/").status, 200);
    let output = server.command(&["whitelist", "migrate"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let end = std::time::Instant::now() + PATIENCE;
    while !server.said("the settings were read again: config.yaml") {
        assert_eq!(client.get("/").status, 200);
        assert!(std::time::Instant::now() < end, "nothing was read again");
    }
    assert_eq!(client.get("/").status, 200);
    assert_eq!(Client::from("127.0.0.2", &server).get("/").status, 403);
}

/// An address that random lists talk about.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u8..3, 0_u8..8).prop_map(|(net, host)| IpAddr::from([10, 0, net, host])),
        (0_u16..3, 0_u16..8).prop_map(|(net, host)| IpAddr::from([0xfd00, net, 0, 0, 0, 0, 0, host])),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => address().prop_map(|address| address.to_string()),
        2 => (address(), 0_u8..5).prop_map(|(address, host)| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            format!("{}/{}", IpPattern::network(address, bits - host).unwrap().to_string().split('/').next().unwrap(), bits - host)
        }),
        1 => (0_u8..3, 0_u8..8, 0_u8..8).prop_map(|(net, one, other)| {
            format!("10.0.{net}.{}-10.0.{net}.{}", one.min(other), one.max(other))
        }),
        1 => (0_u8..8).prop_map(|host| format!("10.*.0.{host}")),
        1 => (0_u8..3).prop_map(|net| format!("10.0.{net}.*")),
        1 => Just("phone.lan".to_owned()),
    ];
    (text, 0..8).prop_map(|(text, shape)| match shape {
        0 => format!("  {text}  # Ann, Bob"),
        1 => format!("\"{text}\",\"x\""),
        2 => format!("allow {text};"),
        3 => format!("{text}\r"),
        _ => text,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whoever came in before or is on the list comes in, and nobody else; no entry is there for nothing.
    #[test]
    fn an_import_is_the_union(
        present in prop::collection::vec(line(), 0..6),
        new in prop::collection::vec(line(), 0..30),
        kind in 0..3,
    ) {
        let folder = Folder::with(&[("config.yaml", "port: 1\nwhitelist:\n  - ::1\n")]);
        let name = match kind {
            0 => "config.yaml",
            1 => {
                fs::write(folder.path("config.toml"), "whitelist = [\n  \"::1\",\n]\n").unwrap();
                "config.toml"
            }
            _ => {
                fs::write(folder.path("whitelist.txt"), "::1\n").unwrap();
                "config.yaml"
            }
        };
        let import = |lines: &[String]| {
            fs::write(folder.path("list"), lines.join("\n")).unwrap();
            folder.done(&["whitelist", "import", "list", "--config", name]);
            in_force(&folder.path(name))
        };
        let before = import(&present);
        let after = import(&new);
        let patterns = |texts: &mut dyn Iterator<Item = String>| -> Vec<IpPattern> {
            texts.filter_map(|text| text.parse().ok()).collect()
        };
        let bare = |line: &String| {
            let line = line.trim().trim_start_matches("allow ").trim_start_matches('"');
            line.split(['"', ';', ' ']).next().unwrap().to_owned()
        };
        let expected = patterns(&mut before.iter().cloned().chain(new.iter().map(bare)));
        let found = patterns(&mut after.iter().cloned());
        for net in 0..4 {
            for host in 0..9 {
                for address in
                    [IpAddr::from([10, 0, net, host]), IpAddr::from([0xfd00, u16::from(net), 0, 0, 0, 0, 0, u16::from(host)])]
                {
                    let within = |list: &[IpPattern]| list.iter().any(|pattern| pattern.contains(address));
                    prop_assert_eq!(within(&found), within(&expected), "{}", address);
                }
            }
        }
        prop_assert_eq!(
            after.contains("phone.lan"),
            before.contains("phone.lan") || new.iter().any(|line| line.contains("phone.lan"))
        );
        prop_assert!(before.is_subset(&after));
        for text in after.difference(&before) {
            let Ok(pattern) = text.parse::<IpPattern>() else { continue };
            let idle = found.iter().any(|other| other.covers(&pattern) && *other != pattern);
            prop_assert!(!idle, "{} is there for nothing", text);
        }
        // Again, and nothing changes.
        prop_assert_eq!(import(&new), after);
    }
}
