//! Builds helm where it is missing and prints its path; `cargo xtask helm` runs
//! this.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let path = testbed::helm::binary()?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}
