//! The keys and certificates of a cluster.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::space::run;

/// Makes in `dir` an authority (`ca`), what the API server shows and what an
/// administrator shows, each as `.crt` and `.key`, and the key of service accounts.
pub(super) fn make(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let openssl = |line: &str| {
        let mut openssl = Command::new("openssl");
        run(openssl.args(line.split(' ')).current_dir(dir))
    };
    openssl(&format!("req -x509 {KEY} -keyout ca.key -out ca.crt -subj /CN=bed -days 30"))?;
    for (name, subject, other) in CERTIFICATES {
        fs::write(dir.join("names"), format!("subjectAltName={other}"))?;
        openssl(&format!("req {KEY} -keyout {name}.key -out {name}.csr -subj {subject}"))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 \
             -out {name}.crt -extfile names"
        ))?;
    }
    openssl("ecparam -name prime256v1 -genkey -noout -out sa.key")?;
    openssl("ec -in sa.key -pubout -out sa.pub")?;
    Ok(())
}

const CERTIFICATES: [(&str, &str, &str); 2] = [
    ("apiserver", "/CN=kube-apiserver", "IP:10.250.0.1,IP:10.96.0.1,DNS:kubernetes.default.svc"),
    ("admin", "/O=system:masters/CN=admin", "DNS:admin"),
];
/// An elliptic key takes no time to make.
const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
