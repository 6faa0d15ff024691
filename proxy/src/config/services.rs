//! Upstreams that are addresses of Services.

use super::ConfigError;
use super::file::Source;
use crate::cli::RunArgs;
use crate::upstreams::Service;

/// The flags in place of the file's.
pub(super) fn services(source: &Source, args: &RunArgs) -> Result<Vec<Service>, ConfigError> {
    if !args.service.is_empty() {
        return Ok(args.service.clone());
    }
    let Some(written) = &source.file.forward.services else { return Ok(Vec::new()) };
    let each = written.get_ref().iter();
    each.map(|(addr, service)| Service::of(addr, service))
        .collect::<Result<_, _>>()
        .map_err(|reason| source.wrong(&written.span(), &reason))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::Service;

    fn parse(lines: &str) -> Result<Config, String> {
        let text = format!("version = 1\nupstreams = [\"10.96.0.10\"]\n[forward]\n{lines}");
        Config::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_service_has_the_address_of_an_upstream() {
        let config = parse("services = { \"10.96.0.10\" = \"kube-system/kube-dns\" }").unwrap();
        let [service] = config.services.as_slice() else { panic!("{:?}", config.services) };
        assert_eq!(service.addr.to_string(), "10.96.0.10");
        assert_eq!(service.to_string(), "kube-system/kube-dns");
        assert_eq!(Config::parse(&config.to_toml()).unwrap().services, config.services);
        assert_eq!(parse("").unwrap().services, []);
        let flag = Service::parse("10.96.0.10=kube-system/kube-dns").unwrap();
        assert_eq!(flag, *service);
    }

    #[test]
    fn what_is_no_service_is_refused_by_line() {
        for (pair, said) in [
            ("\"10.96.0.10:53\" = \"a/b\"", ":4: forward.services: \"10.96.0.10:53\" is not an"),
            ("\"10.96.0.10\" = \"kube-dns\"", "\"kube-dns\" is not NAMESPACE/NAME of a Service"),
            ("\"10.96.0.10\" = \"a/b/c\"", "is not NAMESPACE/NAME"),
            ("\"10.96.0.10\" = \"a/b,c=d\"", "is not NAMESPACE/NAME"),
            ("\"10.96.0.10\" = \"A/b\"", "is not NAMESPACE/NAME"),
        ] {
            let error = parse(&format!("services = {{ {pair} }}")).unwrap_err();
            assert!(error.contains(said), "{pair}: {error}");
        }
        assert!(Service::parse("kube-system/kube-dns").is_err());
    }
}
