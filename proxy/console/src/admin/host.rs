//! Which Host a request may name.
//!
//! A page of evil.example whose address turns to 127.0.0.1 may read, in the browser
//! of whoever visits it, what listens there: to the browser both are one site (DNS
//! rebinding). Its requests name evil.example.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::Settings;

/// Answers a request that names an address, localhost or a configured name.
pub(super) async fn check(
    State(settings): State<Settings>,
    request: Request,
    next: Next,
) -> Response {
    let names = settings.get().hosts;
    let named = request.headers().get(header::HOST);
    // A client without one (HTTP/1.0) is no browser.
    let header_is_ours = named.is_none_or(|host| {
        let host = host.to_str().ok();
        host.is_some_and(|host| is_ours(host, &names))
    });
    let authority = request.uri().authority();
    if header_is_ours && authority.is_none_or(|of| is_ours(of.as_str(), &names)) {
        return next.run(request).await;
    }
    let error = "the Host is no address, not localhost and not in `admin_hosts`";
    (StatusCode::MISDIRECTED_REQUEST, Json(Misdirected { error })).into_response()
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Misdirected {
    error: &'static str,
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let is_same = |name: &str| host.trim_end_matches('.').eq_ignore_ascii_case(name);
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.parse::<std::net::Ipv4Addr>().is_ok()
                || is_same("localhost")
                || names.iter().any(|name| is_same(name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_configured_names_are_ours() {
        let names = ["dns.example".to_owned()];
        for ours in [
            "127.0.0.1",
            "10.0.0.7:9254",
            "[::1]:9254",
            "[fd00::1]",
            "localhost",
            "LocalHost:9254",
            "localhost.",
            "DNS.example:80",
        ] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.localhost",
            "::1",
            "[evil]",
            "",
            "a b",
        ] {
            assert!(!is_ours(other, &names), "{other}");
        }
    }
}
