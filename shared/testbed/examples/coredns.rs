//! Builds CoreDNS where it is missing and prints its path; `cargo xtask
//! coredns` runs this.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let path = testbed::coredns::binary()?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}
