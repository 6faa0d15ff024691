//! Reading and patching big-endian fields, with no way to panic.

/// Returns the 16-bit field at `at`, or `None` past the end.
pub fn get_u16(octets: &[u8], at: usize) -> Option<u16> {
    let field = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(field.try_into().ok()?))
}

/// Returns the 32-bit field at `at`, or `None` past the end.
pub fn get_u32(octets: &[u8], at: usize) -> Option<u32> {
    let field = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(field.try_into().ok()?))
}

/// Overwrites the 16-bit field at `at`; `None` past the end, nothing changed.
pub fn put_u16(octets: &mut [u8], at: usize, value: u16) -> Option<()> {
    put_octets(octets, at, &value.to_be_bytes())
}

/// Overwrites the 32-bit field at `at`; `None` past the end, nothing changed.
pub fn put_u32(octets: &mut [u8], at: usize, value: u32) -> Option<()> {
    put_octets(octets, at, &value.to_be_bytes())
}

/// Copies `source` to `at`; `None` past the end, nothing changed.
pub fn put_octets(octets: &mut [u8], at: usize, source: &[u8]) -> Option<()> {
    octets
        .get_mut(at..at.checked_add(source.len())?)?
        .copy_from_slice(source);
    Some(())
}
