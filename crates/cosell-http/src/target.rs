//! Which address a call goes to, and which addresses a token may be shown to.

use url::{Host, Url};

/// Accepts https anywhere and http on this machine only. Returns what is wrong and the cure.
///
/// Loopback needs no certificate because the bytes never leave the machine; everywhere else a
/// token on a plain connection would be readable by others.
pub(crate) fn check(url: &Url) -> Result<(), String> {
    let Some(host) = url.host() else {
        return Err(format!(
            "the address has no host (scheme `{}`); give one such as https://example.org/",
            url.scheme()
        ));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the address holds a user name or password; sign in with a token provider".into(),
        );
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&host) => Ok(()),
        "http" => Err(format!(
            "http to {host}: only loopback may be reached without TLS; use https"
        )),
        other => Err(format!("scheme `{other}`: use https")),
    }
}

/// Whether `url` leads to this machine.
#[cfg(feature = "reqwest")]
pub(crate) fn is_loopback_url(url: &Url) -> bool {
    url.host().is_some_and(|host| is_loopback(&host))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Makes `base` a folder, so that joining keeps its whole path.
pub(crate) fn as_folder(mut base: Url) -> Url {
    base.set_query(None);
    base.set_fragment(None);
    if !base.cannot_be_a_base() && !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    base
}

/// The address of `target`, which must lie on the origin of `base`.
pub(crate) fn resolve(base: &Url, target: &str) -> Result<Url, String> {
    let mut url = base
        .join(target)
        .map_err(|error| format!("the target is no address ({error})"))?;
    let same = url.scheme() == base.scheme()
        && url.host() == base.host()
        && url.port_or_known_default() == base.port_or_known_default();
    if !same {
        return Err(format!(
            "the target leads to {}, not to {}; the token stays here, follow only links of the \
             same origin",
            origin(&url),
            origin(base)
        ));
    }
    check(&url)?;
    url.set_fragment(None);
    Ok(url)
}

/// Scheme, host and port: what may be printed of any address.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_loopback_may_do_without_tls() {
        for good in [
            "https://api.partner.microsoft.com/v1.0/",
            "http://localhost:8080/",
            "http://LOCALHOST/",
            "http://127.0.0.1/",
            "http://127.9.9.9:1/",
            "http://[::1]:80/",
        ] {
            assert_eq!(check(&url(good)), Ok(()), "{good}");
        }
        for bad in [
            "http://api.partner.microsoft.com/",
            "http://localhost.example.org/",
            "http://127.0.0.1.example.org/",
            "http://128.0.0.1/",
            "http://0.0.0.0/",
            "http://[::ffff:128.0.0.1]/",
            "https://user:word@example.org/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "data:text/plain,x",
        ] {
            assert!(check(&url(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_path_of_the_base_is_kept() {
        let base = as_folder(url("https://org.crm.dynamics.com/api/data/v9.2?x=1#f"));
        assert_eq!(base.as_str(), "https://org.crm.dynamics.com/api/data/v9.2/");
        for (target, full) in [
            (
                "accounts?$top=1",
                "https://org.crm.dynamics.com/api/data/v9.2/accounts?$top=1",
            ),
            ("", "https://org.crm.dynamics.com/api/data/v9.2/"),
            (
                "https://org.crm.dynamics.com:443/api/data/v9.2/accounts?$skiptoken=a%2f#b",
                "https://org.crm.dynamics.com/api/data/v9.2/accounts?$skiptoken=a%2f",
            ),
            (
                "/api/data/v9.2/$batch",
                "https://org.crm.dynamics.com/api/data/v9.2/$batch",
            ),
        ] {
            assert_eq!(resolve(&base, target).unwrap().as_str(), full, "{target}");
        }
    }

    #[test]
    fn another_origin_is_refused() {
        let base = url("https://org.crm.dynamics.com/api/data/v9.2/");
        for target in [
            "https://evil.example/api",
            "http://org.crm.dynamics.com/api/data/v9.2/accounts",
            "https://org.crm.dynamics.com:444/accounts",
            "//evil.example/x",
            r"\\evil.example\x",
            "https://a:b@org.crm.dynamics.com/x",
            "https://org.crm.dynamics.com.evil.example/",
        ] {
            let fault = resolve(&base, target).unwrap_err();
            assert!(!fault.contains("a:b"), "{fault}");
        }
    }
}
