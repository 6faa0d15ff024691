//! Builds kube-apiserver where it is missing and prints its path; `cargo xtask
//! apiserver` runs this.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let path = testbed::apiserver::binary()?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}
