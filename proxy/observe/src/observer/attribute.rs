//! Whose queries they are: accounts begin and end with the pod that has the
//! address.

use std::net::IpAddr;
use std::sync::Arc;

use crate::accounts::Identity;
use crate::observer::Observer;
use crate::tables::Window;

impl Observer {
    /// Learns who is behind an address from now on; `None` if nobody is known.
    ///
    /// Who had it before keeps what was asked until now: its account is closed
    /// and goes to its workload. What an address asked before anybody was named
    /// goes to the first who is, if that one may have asked it.
    pub fn identify(&mut self, addr: IpAddr, identity: Option<Arc<Identity>>) {
        self.names.set(addr, identity.clone());
        let now = self.now;
        let Some(client) = self.clients.get_mut(addr) else { return };
        match (&client.identity, identity) {
            (None, None) => {}
            (Some(old), Some(new)) if old.uid == new.uid => client.belong(new),
            (None, Some(new)) if new.may_have_asked(client.first, now) => client.belong(new),
            _ => {
                if client.identity.is_none() {
                    let [queries, ..] = client.counters.sum(Window::Start);
                    self.unattributed += queries;
                }
                self.clients.close(addr);
                self.close_leaving();
            }
        }
    }
}
