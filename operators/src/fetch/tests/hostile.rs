use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::super::{FetchPolicy, Fetcher, Lookup};
use super::{abroad, at_home, ok, server, status};

/// Addresses inside, in every spelling that some parser accepts.
const INSIDE: [&str; 44] = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.0.1:6443/api",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://%31%32%37.0.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://user:pass@127.0.0.1/",
    "http://public.example@127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "HTTP://127.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://localhost/",
    "http://LocalHost./",
    "http://inside.example/",
];

/// What is no request at all.
const NO_REQUEST: [(&str, &str); 14] = [
    ("file:///etc/passwd", "fetch.outside_root"),
    ("file://localhost/etc/passwd", "fetch.outside_root"),
    ("file:/etc/passwd", "fetch.outside_root"),
    ("FILE:///proc/self/environ", "fetch.outside_root"),
    ("file://10.0.0.1/share", "fetch.bad_uri"),
    ("/etc/passwd", "fetch.outside_root"),
    ("../../../../etc/passwd", "fetch.outside_root"),
    ("ftp://127.0.0.1/", "fetch.scheme"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "fetch.scheme"),
    ("dict://127.0.0.1:11211/", "fetch.scheme"),
    ("data:audio/mpeg;base64,AAAA", "fetch.scheme"),
    ("jar:http://127.0.0.1/!/a", "fetch.scheme"),
    ("http://[fe80::1%25eth0]/", "fetch.bad_uri"),
    ("http://[::1/", "fetch.bad_uri"),
];

/// Names of the tests' world: one outside, the others inside.
fn lookup() -> Lookup {
    Arc::new(|host, port| {
        let address = match host.trim_end_matches('.') {
            "public.example" => "93.184.216.34",
            "inside.example" => "10.1.2.3",
            "localhost" => "127.0.0.1",
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        };
        Ok(vec![SocketAddr::new(address.parse().unwrap(), port)])
    })
}

fn policy() -> FetchPolicy {
    FetchPolicy { lookup: Some(lookup()), allow_private: false, ..at_home().0 }
}

fn public() -> SocketAddr {
    "93.184.216.34:80".parse().unwrap()
}

#[test]
fn no_request_leaves_for_an_address_inside() {
    let staging = tempfile::tempdir().unwrap();
    let (fetcher, called) = abroad(policy(), Some(server(|_, _| ok(b"secret"))));
    for url in INSIDE {
        let fault = fetcher.audio(url, "/feeds", staging.path()).unwrap_err();
        assert_eq!(fault.code, "fetch.private_address", "{url}: {fault}");
        assert!(!fault.to_string().contains("pass@"), "{fault}");
    }
    for (url, code) in NO_REQUEST {
        let fault = fetcher.audio(url, "/feeds", staging.path()).unwrap_err();
        assert_eq!(fault.code, code, "{url}: {fault}");
    }
    assert_eq!(*called.lock().unwrap(), []);
    // The same world does answer where it may.
    fetcher.audio("http://public.example/", "/feeds", staging.path()).unwrap();
    assert_eq!(*called.lock().unwrap(), [public()]);
}

#[test]
fn a_server_on_this_machine_sees_no_connection_without_leave() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let address = server(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        ok(b"audio")
    });
    let staging = tempfile::tempdir().unwrap();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", address.port());
        let fault = Fetcher::new(FetchPolicy::default()).audio(&url, "", staging.path()).unwrap_err();
        assert_eq!(fault.code, "fetch.private_address", "{host}: {fault}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let url = format!("http://{address}/");
    Fetcher::new(FetchPolicy { allow_private: true, ..FetchPolicy::default() })
        .audio(&url, "", staging.path())
        .unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_redirect_leads_no_further_than_a_first_request() {
    let staging = tempfile::tempdir().unwrap();
    let targets = Arc::new(Mutex::new(String::new()));
    let told = targets.clone();
    let server = server(move |_, _| status(302, &format!("Location: {}\r\n", told.lock().unwrap())));
    let (fetcher, called) = abroad(policy(), Some(server));
    let private = INSIDE.iter().filter(|url| url.is_ascii()).map(|url| (*url, "fetch.private_address"));
    let other = [
        ("//127.0.0.1/", "fetch.private_address"),
        ("file:///etc/passwd", "fetch.scheme"),
        ("gopher://127.0.0.1/", "fetch.scheme"),
        ("javascript:alert(1)", "fetch.scheme"),
        ("http://[::1/", "fetch.bad_uri"),
    ];
    for (target, code) in private.chain(other) {
        // `http:relative` stays with the host that redirects, as the standard of URLs has it.
        if target == "http:/127.0.0.1/" || target == "http:127.0.0.1/" {
            continue;
        }
        *targets.lock().unwrap() = target.to_owned();
        called.lock().unwrap().clear();
        let fault = fetcher.audio("http://public.example/a", "", staging.path()).unwrap_err();
        assert_eq!(fault.code, code, "{target}: {fault}");
        assert_eq!(*called.lock().unwrap(), [public()], "{target}");
    }
}

#[test]
fn a_name_that_changes_its_address_gains_nothing() {
    let staging = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    // Public when it is checked, private ever after.
    let rebinding: Lookup = Arc::new(move |_, port| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { [93, 184, 216, 34] } else { [127, 0, 0, 1] };
        Ok(vec![(address, port).into()])
    });
    let policy = FetchPolicy { lookup: Some(rebinding), ..policy() };
    let (fetcher, called) = abroad(policy, Some(server(|_, _| status(503, ""))));
    let fault = fetcher.audio("http://rebind.example/", "", staging.path()).unwrap_err();
    // One look-up for the one connection; the second attempt asks anew and is refused.
    assert_eq!(*called.lock().unwrap(), [public()]);
    assert_eq!((asked.load(Ordering::SeqCst), fault.code.as_str()), (2, "fetch.private_address"));
}

#[test]
fn one_private_address_among_public_ones_is_refused() {
    let staging = tempfile::tempdir().unwrap();
    let mixed: Lookup =
        Arc::new(|_, port| Ok(vec![([93, 184, 216, 34], port).into(), ([192, 168, 0, 1], port).into()]));
    let (fetcher, called) = abroad(FetchPolicy { lookup: Some(mixed), ..policy() }, None);
    let fault = fetcher.audio("http://mixed.example/", "", staging.path()).unwrap_err();
    assert_eq!(fault.code, "fetch.private_address");
    assert_eq!(*called.lock().unwrap(), []);
}

#[test]
fn a_name_without_an_address_may_be_retried() {
    let staging = tempfile::tempdir().unwrap();
    let (fetcher, called) = abroad(policy(), None);
    let fault = fetcher.audio("http://no-such.example/", "", staging.path()).unwrap_err();
    assert_eq!((fault.code.as_str(), fault.kind), ("fetch.host_not_found", crate::fault::FaultKind::Retry));
    assert_eq!(*called.lock().unwrap(), []);
}
