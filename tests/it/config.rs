//! Settings from files, variables and flags: precedence, origins, and the whole text of every kind of complaint.

use std::path::Path;

use innkeeper::cli::{self, Invocation};
use innkeeper::config::schema::KEYS;
use innkeeper::config::{
    DEFAULT_TOML, DEFAULT_YAML, Layer, Problems, Settings, Source, Syntax, Value, Variables,
};

/// A folder with the given files; gone when dropped.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn read(&self, file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, String> {
        let arguments = ["innkeeper", "serve"].iter().chain(flags);
        let Invocation::Serve(serve) = cli::parse(arguments) else { panic!("{flags:?}") };
        let variables: Variables = variables.iter().copied().collect();
        Settings::read(&self.0.path().join(file), &serve.flags, &variables)
            .map_err(|problems| problems.to_string().replace(&format!("{}/", self.0.path().display()), ""))
    }
}

/// The complaints about one YAML file.
fn complaints(text: &str) -> String {
    Folder::with(&[("config.yaml", text)]).read("config.yaml", &[], &[]).unwrap_err()
}

#[test]
fn default_files_equal_the_defaults() {
    for (name, text, syntax) in
        [("config.yaml", DEFAULT_YAML, Syntax::Yaml), ("config.toml", DEFAULT_TOML, Syntax::Toml)]
    {
        let mut problems = Problems::default();
        let layer = Layer::file(&mut Source::new(name, text), syntax, &mut problems);
        assert_eq!(problems.to_string(), "");
        let defaults = Layer::defaults();
        for key in KEYS {
            let value =
                |layer: &Layer| layer.setting(key.path).map(|setting| without_lines(setting.value.clone()));
            assert_eq!(value(&layer), value(&defaults), "{name}: {}", key.path);
        }
    }
}

fn without_lines(value: Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.into_iter().map(|(text, _)| (text, 0)).collect()),
        other => other,
    }
}

#[test]
fn smoke() {
    println!(
        "{}",
        complaints(
            "listen: no\nport: 8000abc\nwhitelist: 127.0.0.1\nwhitelistmode: true\nssl:\n  enabled: \"0\"\nwhitelistMode:\nbasicAuthUser: {username: [1], password: hunter2, pasword: hunter3}\ninnkeeper:\n  foo: 1\n  prot: 3\n  satisfy: some\n  upstream: localhost:3000\nport: 3\nupstream: x\n"
        )
    );
    println!("{}", complaints("listen: [true\n"));
    println!("{}", complaints("basicAuthUser:\n  password: @abc\n"));
    println!("{}", complaints("basicAuthUser:\n  password: \"abc\nlisten: true\n"));
    println!("{}", complaints("a: 1\n---\nb: 1\n"));
    println!("{}", complaints("- 1\n"));
    println!("{}", complaints("listen: true\n\tport: 3\n"));
    println!("{}", complaints("whitelist: [::1, null, true, {a: b}]\nprotocol: false\n"));
    let s = Folder::with(&[(
        "config.yaml",
        "basicAuthUser:\n  password: 0123\n  username: 1e3\nwhitelist: [::1, 10.1, 1_0]\n",
    )])
    .read("config.yaml", &[], &[])
    .unwrap();
    println!("{} {} {:?}", s.basic_auth_user.password.reveal(), s.basic_auth_user.username, s.whitelist);
    assert_eq!(Path::new("a"), Path::new("b"));
}
