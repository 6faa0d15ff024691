//! How a server is written.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use stub::{Library, ResolvConf};

/// Reads `IP`, `IP:port`, `[IPv6]:port`, or `resolv.conf`: the first server
/// of /etc/resolv.conf. The port is 53 by default.
///
/// # Errors
///
/// What is wrong with it, for a person.
pub fn parse_server(text: &str) -> Result<SocketAddr, String> {
    if text == "resolv.conf" {
        return resolv_conf_server(Path::new("/etc/resolv.conf"));
    }
    if text.ends_with("resolv.conf") {
        return resolv_conf_server(Path::new(text));
    }
    if let Ok(server) = text.parse::<SocketAddr>() {
        return if server.port() == 0 { Err(format!("{text:?} has port 0")) } else { Ok(server) };
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok(SocketAddr::new(address, DNS_PORT)),
        Err(_) => {
            Err(format!("{text:?} is not a server: write an address, address:port or resolv.conf"))
        }
    }
}

/// Returns the first server of a resolv.conf.
///
/// # Errors
///
/// When it cannot be read, or names none.
pub fn resolv_conf_server(path: &Path) -> Result<SocketAddr, String> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let (conf, _) = ResolvConf::parse(Library::Glibc, &text);
    let first = conf
        .nameservers
        .first()
        .ok_or_else(|| format!("{shown} names no server"))?;
    Ok(SocketAddr::new(first.address, DNS_PORT))
}

/// Where servers listen (RFC 1035, section 4.2).
const DNS_PORT: u16 = 53;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_in_all_their_forms() {
        for (text, server) in [
            ("127.0.0.1", "127.0.0.1:53"),
            ("127.0.0.1:5335", "127.0.0.1:5335"),
            ("::1", "[::1]:53"),
            ("[::1]", "[::1]:53"),
            ("[::1]:5335", "[::1]:5335"),
        ] {
            assert_eq!(parse_server(text).unwrap(), server.parse().unwrap(), "{text}");
        }
        for bad in ["kube-dns.kube-system", "127.0.0.1:0", "127.0.0.1:99999", ""] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_server_of_a_resolv_conf_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        std::fs::write(&path, "search x\nnameserver 10.96.0.10\nnameserver 10.0.0.2\n").unwrap();
        let server = parse_server(path.to_str().unwrap()).unwrap();
        assert_eq!(server, "10.96.0.10:53".parse().unwrap());
        std::fs::write(&path, "search x\n").unwrap();
        assert!(
            resolv_conf_server(&path)
                .unwrap_err()
                .contains("names no server")
        );
    }
}
