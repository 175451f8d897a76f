//! What devices make of an authority and of what it issues: by webpki, which rustls verifies with.

use std::time::UNIX_EPOCH;

use rcgen::{DnValue, SanType};
use rustls::pki_types::ServerName;

use super::life::days;
use super::*;

/// 2026-11-23 11:00:00 UTC.
const NOW: Duration = Duration::from_hours(498_731);
const HOUR: Duration = Duration::from_hours(1);

fn now() -> SystemTime {
    UNIX_EPOCH + NOW
}

fn names(list: &[&str]) -> Vec<Name> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

fn own() -> Vec<Name> {
    names(&["desk", "desk.local", "192.168.0.2", "2001:db8::2"])
}

fn authority(given: &[&str]) -> Authority {
    Authority::create(&own(), &names(given), now()).unwrap()
}

fn source<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source { name, bytes: text.as_bytes() }
}

fn pair(issued: &Issued) -> Pair {
    Pair::read(source("cert.pem", &issued.certificate), source("privkey.pem", &issued.key), None).unwrap()
}

/// Whether a client that trusts `root` takes `leaf` for the server at `name`, at a moment.
fn verified(root: &Root, leaf: &CertificateDer<'_>, name: &str, at: SystemTime) -> Result<(), webpki::Error> {
    let anchors = [anchor_from_trusted_cert(&root.der).unwrap()];
    let leaf = EndEntityCert::try_from(leaf).unwrap();
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap());
    leaf.verify_for_usage(algorithms, &anchors, &[], at, KeyUsage::server_auth(), None, None)?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

#[test]
fn a_certificate_counts_by_name_and_by_address_and_for_nothing_else() {
    let authority = authority(&["tavern.example"]);
    let names = Names { given: names(&["tavern.example"]), own: own() };
    let pair = pair(&authority.issue(&names, now()).unwrap());
    let leaf = &pair.certified.cert[0];
    for name in
        ["localhost", "127.0.0.1", "::1", "desk", "desk.local", "192.168.0.2", "fd00::2", "tavern.example"]
    {
        let expected = if name == "fd00::2" { Err(()) } else { Ok(()) };
        assert_eq!(verified(authority.root(), leaf, name, now()).map_err(drop), expected, "{name}");
    }
    // A global address that nobody gave is left out, as devices would refuse the whole certificate for it.
    assert!(verified(authority.root(), leaf, "2001:db8::2", now()).is_err());
    assert_eq!(pair.certified.cert.len(), 1);
    assert!(authority.root().vouches_for(&pair));
    assert!(!self::authority(&[]).root().vouches_for(&pair));
}

#[test]
fn it_lives_for_397_days_from_an_hour_ago() {
    let authority = authority(&[]);
    let pair = pair(&authority.issue(&Names::default(), now()).unwrap());
    let leaf = Leaf::issued_by(authority.root(), &pair).unwrap();
    assert_eq!((leaf.from, leaf.until), (now() - HOUR, now() - HOUR + days(397) - Duration::from_secs(1)));
    let der = &pair.certified.cert[0];
    for (at, expected) in [
        (leaf.from - Duration::from_secs(1), false),
        (leaf.from, true),
        (leaf.until, true),
        (leaf.until + Duration::from_secs(1), false),
    ] {
        assert_eq!(verified(authority.root(), der, "localhost", at).is_ok(), expected);
    }
}

#[test]
fn what_lies_outside_of_the_bounds_is_refused_by_those_who_trust_the_authority() {
    let authority = authority(&[]);
    let issue = |san: SanType| {
        let mut params = CertificateParams::default();
        set_validity(&mut params, now() - HOUR, now() + HOUR).unwrap();
        params.subject_alt_names = vec![san];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let issuer = Issuer::from_ca_cert_der(&authority.root.der, &authority.key).unwrap();
        params.signed_by(&new_key().unwrap(), &issuer).unwrap().der().clone()
    };
    for name in ["example.org", "203.0.113.7", "2001:db8::2", "desk.example.org", "notdesk"] {
        let san = match name.parse::<std::net::IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into().unwrap()),
        };
        let refusal = verified(authority.root(), &issue(san), name, now());
        assert_eq!(refusal, Err(webpki::Error::NameConstraintViolation), "{name}");
    }
    let within = issue(SanType::DnsName("a.desk.local".try_into().unwrap()));
    assert_eq!(verified(authority.root(), &within, "a.desk.local", now()), Ok(()));

    let names = Names { given: names(&["example.org"]), own: Vec::new() };
    let error = authority.issue(&names, now()).unwrap_err().to_string();
    assert_eq!(error, format!("the authority `{}` may not vouch for `example.org`", authority.root.name()));
}

#[test]
fn says_what_it_is() {
    let authority = authority(&["tavern.example"]);
    let root = authority.root();
    let (_, read) = x509_parser::parse_x509_certificate(&root.der).unwrap();
    let (name, mark) = root.name().split_at(root.name().len() - 4);
    assert_eq!(name, "Innkeeper on desk, 2026-11-23 ");
    assert!(mark.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let basic = read.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca && basic.value.path_len_constraint == Some(0));
    let usage = read.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
    assert!(!usage.value.digital_signature());
    let extended = read.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && !extended.client_auth && !extended.any);
    assert!(read.name_constraints().unwrap().unwrap().critical);
    assert_eq!(read.subject(), read.issuer());
    assert_eq!(root.until().duration_since(root.from).unwrap(), days(3652));
    assert_eq!(root.bounds().len(), 16);
}

#[test]
fn a_leaf_is_for_a_server_only_and_names_its_issuer() {
    let authority = authority(&[]);
    let issued = authority.issue(&Names { given: Vec::new(), own: own() }, now()).unwrap();
    let pair = pair(&issued);
    let (_, read) = x509_parser::parse_x509_certificate(&pair.certified.cert[0]).unwrap();
    let extended = read.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && !extended.client_auth && !extended.any);
    let usage = read.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature() && !usage.value.key_cert_sign());
    assert!(!read.is_ca());
    let names: Vec<_> = read.extensions().iter().map(|extension| extension.oid.to_id_string()).collect();
    // Authority and subject key identifier.
    assert!(names.contains(&"2.5.29.35".to_owned()) && names.contains(&"2.5.29.14".to_owned()));
    // Two of one authority never share a serial number, not with one key either.
    let again = authority.reissue(&Names::default(), source("privkey.pem", &issued.key), now()).unwrap();
    let again = self::pair(&Issued { certificate: again, key: issued.key });
    let (_, other) = x509_parser::parse_x509_certificate(&again.certified.cert[0]).unwrap();
    assert_eq!(other.public_key(), read.public_key());
    assert_ne!(other.raw_serial(), read.raw_serial());
}

#[test]
fn files_are_read_as_they_were_written() {
    let authority = authority(&["tavern.example"]);
    let files = authority.files();
    let read =
        Authority::read(source("authority.pem", &files.certificate), source("authority.key", &files.key))
            .unwrap();
    assert_eq!(read.root(), authority.root());
    assert!(!format!("{read:?}{files:?}").contains(&files.key));

    let other = self::authority(&[]).files();
    let refusal = |certificate: &str, key: &str| {
        Authority::read(source("authority.pem", certificate), source("authority.key", key))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal(&files.certificate, &other.key),
        "the key in `authority.key` does not belong to the authority in `authority.pem`"
    );
    assert_eq!(
        refusal(&files.certificate, &files.certificate),
        "no key that Innkeeper made in `authority.key`"
    );
    assert_eq!(refusal(&files.key, &files.key), "no certificate in `authority.pem`");
    let leaf = authority.issue(&Names::default(), now()).unwrap();
    assert_eq!(
        refusal(&leaf.certificate, &leaf.key),
        "`authority.pem` is not the certificate of an authority that Innkeeper made"
    );
}

#[test]
fn an_authority_that_is_bound_to_nothing_is_none_of_ours() {
    let key = new_key().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, DnValue::from(ORGANISATION));
    params.distinguished_name.push(DnType::CommonName, "Innkeeper on desk");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let unbound = params.self_signed(&key).unwrap();
    assert_eq!(Root::of(unbound.der()), None);
}

#[test]
fn names_come_back_from_a_certificate() {
    let authority = authority(&["tavern.example", "203.0.113.7"]);
    let names =
        Names { given: names(&["tavern.example", "203.0.113.7"]), own: names(&["desk", "192.168.0.2"]) };
    let leaf = Leaf::issued_by(authority.root(), &pair(&authority.issue(&names, now()).unwrap())).unwrap();
    assert_eq!(leaf.names, names);
    let next = leaf.next_names(&own());
    assert_eq!((next.given, next.own), (names.given, own()));
}

#[test]
fn when_it_is_time_for_the_next() {
    let authority = authority(&[]);
    let root = authority.root();
    let all = Names { given: Vec::new(), own: own() };
    let leaf = Leaf::issued_by(root, &pair(&authority.issue(&all, now()).unwrap())).unwrap();
    let third = (leaf.until.duration_since(leaf.from).unwrap()) / 3;
    let second = Duration::from_secs(1);
    for (at, expected) in [
        (now(), Due::NotYet),
        (leaf.until - third - second, Due::NotYet),
        (leaf.until - third + second, Due::Aging),
        (leaf.until + days(30), Due::Aging),
        (leaf.from - second, Due::Early),
        // Under a clock like that nothing is signed.
        (UNIX_EPOCH, Due::NotYet),
        // Nothing would be better afterwards.
        (root.until() + second, Due::NotYet),
    ] {
        assert_eq!(leaf.due(&own(), root, at), expected, "{at:?}");
    }
    let ages = [root.begins() - second, root.begins(), root.until() - second, root.until()];
    assert_eq!(ages.map(|at| root.age(at)), [Age::Unborn, Age::Alive, Age::Alive, Age::Over]);
    // What it may not vouch for is not missed, and neither is what is gone.
    assert_eq!(leaf.due(&names(&["desk", "198.51.100.2"]), root, now()), Due::NotYet);
    let moved = names(&["desk", "192.168.0.3", "desk.local", "10.0.0.3"]);
    assert_eq!(leaf.due(&moved, root, now()), Due::Missing(names(&["192.168.0.3", "10.0.0.3"])));
}

#[test]
fn the_end_of_the_authority_is_the_end_of_its_last_certificate() {
    let authority = authority(&[]);
    let root = authority.root();
    let late = root.until() - days(30);
    let leaf = Leaf::issued_by(root, &pair(&authority.issue(&Names::default(), late).unwrap())).unwrap();
    assert_eq!(leaf.until, root.until());
    // Renewed over and over it would end no later.
    assert_eq!(leaf.due(&[], root, root.until() - days(1)), Due::NotYet);
    let error = authority.issue(&Names::default(), root.until()).unwrap_err();
    assert_eq!(error.to_string(), format!("the authority `{}` is over", root.name()));
}

#[test]
fn no_certificate_under_a_clock_that_is_out_of_its_senses() {
    for moment in [UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1 << 40)] {
        let error = Authority::create(&own(), &[], moment).unwrap_err();
        assert_eq!(error.to_string(), "the clock of this machine is wrong");
    }
}

#[test]
fn an_authority_whose_name_could_move_the_cursor_is_none_of_ours() {
    let authority = Authority::create(&[], &[], SystemTime::UNIX_EPOCH + days(20_000)).unwrap();
    let mut der = authority.root().der().to_vec();
    assert!(Root::of(&der.clone().into()).is_some());
    let starts: Vec<usize> = (0..der.len()).filter(|at| der[*at..].starts_with(b"Innkeeper on")).collect();
    for start in starts {
        der[start + 9] = 0x1b;
    }
    assert!(Root::of(&der.into()).is_none());
}
