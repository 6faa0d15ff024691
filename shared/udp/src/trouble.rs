//! What an error of a connected socket means.

/// What an error of a connected socket means for the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The socket is of no use any more: it was destroyed from outside, its address
    /// is gone, or there is no route.
    Dead,
    /// There was no room for a moment.
    Momentary,
    /// A firewall, or a full conntrack table.
    NotPermitted,
    /// ICMP came for what was sent before. Anybody may send that.
    Unreachable,
}

impl Trouble {
    /// Judges an error number of the system.
    ///
    /// `SOCK_DESTROY`, by which load balancers in the kernel end the sockets to a
    /// backend that is gone, shows as ECONNABORTED on receive and as EDESTADDRREQ
    /// on send. The errors of ICMP are those of `icmp_err_convert` in Linux that
    /// are told to a connected socket.
    pub const fn of(errno: i32) -> Self {
        match errno {
            libc::EAGAIN | libc::EINTR | libc::ENOBUFS | libc::ENOMEM => Self::Momentary,
            libc::EPERM | libc::EACCES => Self::NotPermitted,
            libc::ECONNREFUSED
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::EMSGSIZE
            | libc::ENONET
            | libc::ENOPROTOOPT
            | libc::EPROTO => Self::Unreachable,
            _ => Self::Dead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_does_not_end_a_socket() {
        assert_eq!(Trouble::of(libc::ECONNREFUSED), Trouble::Unreachable);
        assert_eq!(Trouble::of(libc::EHOSTUNREACH), Trouble::Unreachable);
        assert_eq!(Trouble::of(libc::ENOBUFS), Trouble::Momentary);
        for errno in [libc::ECONNABORTED, libc::EDESTADDRREQ, libc::ENETUNREACH, libc::EINVAL] {
            assert_eq!(Trouble::of(errno), Trouble::Dead);
        }
    }
}
