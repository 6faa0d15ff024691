//! File capabilities, as the extended attribute that carries them.

/// The attribute.
pub(super) const NAME: &str = "security.capability";

/// Ports below 1024.
const NET_BIND_SERVICE: u32 = 10;

/// Rules, links and long receive queues.
const NET_ADMIN: u32 = 12;

/// `cap_net_bind_service,cap_net_admin=p`: permitted, not effective.
///
/// With the effective bit the kernel refuses to start the program where one of them
/// is not in the bounding set, even for `--help`. So the program raises what it was
/// granted itself, and starts anywhere.
pub(super) fn permitted() -> [u8; 20] {
    let mut attribute = [0; 20];
    let words = [REVISION_2, 1 << NET_BIND_SERVICE | 1 << NET_ADMIN, 0, 0, 0];
    for (place, word) in attribute.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&u32::to_le_bytes(word));
    }
    attribute
}

/// `VFS_CAP_REVISION_2` of linux/capability.h; its lowest bit, which is clear, is
/// `VFS_CAP_FLAGS_EFFECTIVE`. Then two pairs of words, permitted and inheritable.
const REVISION_2: u32 = 0x0200_0000;

#[cfg(test)]
mod tests {
    use super::*;

    /// What `setcap cap_net_bind_service,cap_net_admin=p FILE` writes.
    #[test]
    fn the_attribute_is_that_of_setcap() {
        let attribute = permitted();
        let words = attribute.as_chunks::<4>().0;
        assert_eq!(words, [[0, 0, 0, 2], [0, 0x14, 0, 0], [0; 4], [0; 4], [0; 4]]);
    }
}
