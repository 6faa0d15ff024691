//! What a runtime reads of the image: how to start it, and what it is.

use serde_json::{Value, json};

use super::layer::Layer;
use super::platform::Platform;
use super::source::Source;

/// The image of one platform.
pub(super) struct Manifest<'a> {
    pub(super) platform: Platform,
    pub(super) layer: Layer,
    pub(super) source: &'a Source,
}

impl Manifest<'_> {
    /// The configuration of the image.
    pub(super) fn config(&self) -> Value {
        let created = self.source.time();
        json!({
            "architecture": self.platform.name(),
            "os": "linux",
            "created": created,
            "config": {
                "User": USER,
                "Env": ["PATH=/bin"],
                "Entrypoint": ["/bin/fivedots"],
                "Cmd": ["run"],
                "WorkingDir": "/",
                "Labels": self.labels(&created),
                "StopSignal": "SIGTERM",
            },
            "rootfs": { "type": "layers", "diff_ids": [self.layer.diff_id] },
            "history": [{ "created": created, "created_by": "cargo xtask image" }],
        })
    }

    /// The predefined keys of the OCI image specification.
    fn labels(&self, created: &str) -> Value {
        let Source { version, revision, license, .. } = self.source;
        json!({
            "org.opencontainers.image.title": "fivedots",
            "org.opencontainers.image.description":
                "A node-local DNS cache for Kubernetes, and its load generator",
            "org.opencontainers.image.licenses": license,
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.revision": revision,
            "org.opencontainers.image.created": created,
        })
    }
}

/// No user of the node: the number that images without a shell commonly have.
const USER: &str = "65532:65532";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_as_nobody_of_the_node_and_says_what_it_is() {
        let source = Source::example();
        let layer = Layer::of(&[], 0).unwrap();
        let manifest = Manifest { platform: Platform::Arm64, layer, source: &source };
        let config = manifest.config();
        assert_eq!(config["architecture"], "arm64");
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["created"], "2026-11-29T07:17:32Z");
        let labels = &config["config"]["Labels"];
        assert_eq!(labels["org.opencontainers.image.version"], "1.2.3");
        assert_eq!(labels["org.opencontainers.image.revision"], "abc");
    }
}
