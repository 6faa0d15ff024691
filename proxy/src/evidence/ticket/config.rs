//! The configuration in force, with pseudonyms.

use console::Veil;
use console::api::redacted_domain;
use toml::{Table, Value};

/// Replaces the names and clients in a configuration by their pseudonyms: zones, search
/// lists, and whose they are. Servers and the node keep their names.
///
/// # Errors
///
/// When the text is no TOML; it is not shown then.
pub(super) fn redacted_config(text: &str, veil: &Veil) -> Result<String, String> {
    if !veil.hides_anything() {
        return Ok(text.to_owned());
    }
    let mut table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    for zone in tables(table.get_mut("zone")) {
        each(zone.get_mut("suffix"), |suffix| veil.name(suffix));
    }
    let observe = table.get_mut("observe").and_then(Value::as_table_mut);
    for rule in tables(observe.and_then(|observe| observe.get_mut("search"))) {
        each(rule.get_mut("clients"), |clients| hidden(clients, veil));
        let domains = rule.get_mut("domains").and_then(Value::as_array_mut);
        for domain in domains.into_iter().flatten() {
            each(Some(domain), |domain| redacted_domain(domain, veil));
        }
    }
    toml::to_string(&table).map_err(|error| error.to_string())
}

/// An address, or a range of them.
fn hidden(clients: String, veil: &Veil) -> String {
    match clients.parse() {
        Ok(client) => veil.client(client).to_string(),
        Err(_) => veil.word(clients),
    }
}

fn tables(list: Option<&mut Value>) -> impl Iterator<Item = &mut Table> {
    let list = list.and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_table_mut)
}

fn each(value: Option<&mut Value>, change: impl FnOnce(String) -> String) {
    let Some(value) = value else { return };
    if let Value::String(text) = value {
        *text = change(std::mem::take(text));
    }
}

#[cfg(test)]
mod tests {
    use console::Pseudonyms;

    use super::*;

    const CONFIG: &str = "version = 1\nallow = [\"10.0.0.0/8\"]\n\n[[zone]]\n\
        suffix = \"vault.example.\"\nupstreams = [\"10.0.0.2:53\"]\n\n[[observe.search]]\n\
        clients = \"10.244.0.7/32\"\n\
        domains = [\"wallet.svc.cluster.local.\", \"vault.example.\"]\nndots = 5\n\n\
        [[observe.search]]\nclients = \"10.244.0.8\"\ndomains = []\nndots = 5\n";

    fn shown(redact: &str) -> String {
        let veil = Pseudonyms::default().veil(redact.parse().unwrap());
        redacted_config(CONFIG, &veil).unwrap()
    }

    #[test]
    fn a_redacted_configuration_has_no_name_and_no_client() {
        let (names, clients) = (["vault"], ["wallet", "10.244.0"]);
        let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
        let both = shown("names,clients");
        assert!(!has(&both, &names) && !has(&both, &clients), "{both}");
        assert!(both.contains("10.0.0.2:53") && both.contains("10.0.0.0/8"), "{both}");
        let [only_names, only_clients] = ["names", "clients"].map(shown);
        assert!(!has(&only_names, &names) && only_names.contains("10.244.0.7"), "{only_names}");
        assert!(has(&only_clients, &names) && !has(&only_clients, &clients), "{only_clients}");
        let nothing = Pseudonyms::default().veil(console::Redact::default());
        assert_eq!(redacted_config(CONFIG, &nothing).as_deref(), Ok(CONFIG));
        assert!(
            redacted_config("= 7", &Pseudonyms::default().veil("names".parse().unwrap())).is_err()
        );
    }
}
