//! Putting another configuration in force while everything goes on: the cache, the
//! accounts, the sockets and the connections stay.

use anyhow::Context as _;

use super::App;
use crate::cli::RunArgs;
use crate::config::Config;
use crate::descriptors::Descriptors;
use crate::reload::Reloaded;
use crate::serve::TcpConfig;
use crate::upstreams::Upstreams;

impl App {
    /// Reads the configuration of `args` again and puts it in force in place of
    /// `config`, as far as that goes. A wrong one changes nothing.
    pub fn reload(&self, args: &RunArgs, config: &mut Config) {
        let loaded = Config::load(args).map_err(anyhow::Error::from);
        let outcome = loaded.and_then(|new| self.put_in_force(new, config));
        let outcome = outcome.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::warn!(error, "configuration rejected; the old one stays in force");
            Reloaded::Rejected
        });
        self.reloads.add(outcome);
    }

    fn put_in_force(&self, new: Config, config: &mut Config) -> anyhow::Result<Reloaded> {
        let (new, keys) = new.in_place_of(config);
        if !keys.is_empty() {
            let keys = keys.join(", ");
            tracing::warn!(keys, "these keys have changed and need a restart");
        }
        let is_same = new.to_toml() == config.to_toml();
        if is_same && new.networks == config.networks && new.loops == config.loops {
            tracing::info!("configuration unchanged");
            return Ok(Reloaded::Unchanged);
        }
        // Not those of the last reload: resolv.conf may have changed since.
        if !self.upstreams.forwards_by(&new.zones) {
            // The only part that can fail, so the first.
            self.upstreams
                .set_zones(new.zones.clone())
                .context("cannot forward by other zones")?;
        }
        self.forwarder
            .loops()
            .configured(&new.loops.found, self.clock.now());
        self.forwarder.replace_bounds(&new.forward_config());
        self.service.resolver.set_policy(&new.cache);
        self.service.allow.set(new.allowed());
        self.service.resolver.set_rotate(new.cache.rotate);
        let upstreams = Upstreams::most(&self.forwarder, new.services.len());
        let descriptors = Descriptors::divide(upstreams, new.tcp.max_connections);
        let tcp = TcpConfig { max_connections: descriptors.tcp, ..new.tcp };
        self.clients.tcp.reload(tcp);
        let listen = new.listen.first().copied();
        self.settings.set(&new.to_toml(), &new.admin_hosts, listen);
        self.in_force.send_replace(new.clone());
        tracing::info!("configuration reloaded");
        *config = new;
        Ok(Reloaded::Applied)
    }
}
