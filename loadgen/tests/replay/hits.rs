//! A real CoreDNS with a cache, and what hit it.

use testbed::Netns;

/// All names exist.
pub(crate) const COREFILE: &str = "\
.:{port} {
    bind {ip}
    cache 3600 {
        success 100000
    }
    prometheus 127.0.0.1:9153
    template IN A . {
        answer \"{{ .Name }} 3600 IN A 192.0.2.80\"
    }
}
";

/// How many queries came, and the share of them that the cache answered, in percent.
pub(crate) fn count(netns: &Netns) -> (f64, f64) {
    let script = "exec 3<>/dev/tcp/127.0.0.1/9153; \
                  printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let output = netns.command("bash").args(["-c", script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let sum = |metric: &str| -> f64 {
        text.lines()
            .filter(|line| line.starts_with(metric))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    };
    let (hits, misses) = (sum("coredns_cache_hits_total{"), sum("coredns_cache_misses_total{"));
    assert!(misses > 0.0, "{text}");
    (hits + misses, 100.0 * hits / (hits + misses))
}
