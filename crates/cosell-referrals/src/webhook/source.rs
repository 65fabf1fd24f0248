//! From where a certificate may be fetched.
//!
//! The address comes from the very post that is to be verified: whoever sends it chooses it. So it
//! is checked before anything is fetched, else a forger would bring a certificate along, and could
//! make this process call addresses of its own network.

use url::{Host, Url};

/// Longest address that is looked at, in bytes.
const LONGEST: usize = 1024;

/// Why nothing is fetched from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
    /// Not an absolute address, or too long.
    #[error("it is no address")]
    Unreadable,
    /// Neither https nor, on this machine, http.
    #[error("it is not https")]
    Scheme,
    /// It holds a user name or password.
    #[error("it holds credentials")]
    Credentials,
    /// It is a number instead of a name, and not this machine's: link-local, private, any.
    #[error("it names a machine by number")]
    Number,
    /// The host, or its port, is not on the list.
    #[error("its host is not on the list of certificate hosts")]
    Host,
}

/// Checks `address` against the allowed hosts, each a name such as `store.example`, or with a port
/// such as `localhost:8080`.
pub(super) fn check(address: &str, allowed: &[String]) -> Result<Url, AddressFault> {
    if address.len() > LONGEST {
        return Err(AddressFault::Unreadable);
    }
    let mut url = Url::parse(address).map_err(|_| AddressFault::Unreadable)?;
    let host = url.host().ok_or(AddressFault::Unreadable)?;
    let loopback = match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(number) => number.is_loopback(),
        Host::Ipv6(number) => number.is_loopback(),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(AddressFault::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressFault::Credentials);
    }
    if !matches!(host, Host::Domain(_)) && !loopback {
        return Err(AddressFault::Number);
    }
    let name = host.to_string();
    // The library drops the default port, so an entry that names it is compared without.
    let listed = allowed.iter().any(|entry| {
        let entry = entry.trim();
        match url.port() {
            None => {
                entry.eq_ignore_ascii_case(&name)
                    || entry
                        .strip_suffix(if url.scheme() == "https" {
                            ":443"
                        } else {
                            ":80"
                        })
                        .is_some_and(|host| host.eq_ignore_ascii_case(&name))
            }
            Some(port) => entry.eq_ignore_ascii_case(&format!("{name}:{port}")),
        }
    });
    if !listed {
        return Err(AddressFault::Host);
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_are_asked_and_only_safely() {
        let allowed = [
            "store.example",
            "localhost:8080",
            "169.254.169.254",
            "127.0.0.1:9",
        ]
        .map(str::to_owned);
        for good in [
            "https://store.example/cert/a.cer",
            "https://STORE.example:443/a.cer?sv=1",
            "http://localhost:8080/a.cer",
            "https://127.0.0.1:9/a.cer",
        ] {
            assert!(check(good, &allowed).is_ok(), "{good}");
        }
        let long = format!("https://store.example/{}", "a".repeat(2000));
        for (bad, why) in [
            ("", AddressFault::Unreadable),
            ("/cert/a.cer", AddressFault::Unreadable),
            (long.as_str(), AddressFault::Unreadable),
            ("http://store.example/a.cer", AddressFault::Scheme),
            ("ftp://store.example/a.cer", AddressFault::Scheme),
            ("file:///etc/passwd", AddressFault::Unreadable),
            (
                "https://user:word@store.example/",
                AddressFault::Credentials,
            ),
            (
                "https://store.example@evil.example/",
                AddressFault::Credentials,
            ),
            ("https://store.example.evil.example/", AddressFault::Host),
            ("https://evil.example/store.example", AddressFault::Host),
            ("https://sub.store.example/", AddressFault::Host),
            ("https://store.example:444/", AddressFault::Host),
            ("https://store.example./", AddressFault::Host),
            ("http://localhost:8081/", AddressFault::Host),
            // On the list by mistake, refused all the same.
            (
                "https://169.254.169.254/latest/meta-data",
                AddressFault::Number,
            ),
            (
                "http://169.254.169.254/latest/meta-data",
                AddressFault::Scheme,
            ),
            ("https://[fe80::1]/", AddressFault::Number),
            ("https://[::ffff:169.254.169.254]/", AddressFault::Number),
            ("https://10.0.0.1/", AddressFault::Number),
            ("https://0.0.0.0/", AddressFault::Number),
            // One number for the whole address.
            ("https://2852039166/", AddressFault::Number),
            ("https://0xa9fea9fe/", AddressFault::Number),
        ] {
            assert_eq!(check(bad, &allowed), Err(why), "{bad}");
        }
    }
}
