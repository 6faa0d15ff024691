//! The image as a file: an OCI image layout, packed with tar.
//!
//! `ctr images import`, `podman load`, `kind load image-archive` and
//! `skopeo copy oci-archive:FILE docker://…` read it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::digest::digest;
use super::manifest::Manifest;
use super::platform::Platform;

/// The image of all platforms.
#[derive(Debug)]
pub(super) struct Archive {
    reference: String,
    version: String,
    /// By their digests.
    blobs: BTreeMap<String, Vec<u8>>,
    /// Platform, descriptor, and octets of all files.
    images: Vec<(Platform, Value, usize)>,
}

impl Archive {
    /// Starts without a platform; the image is called `NAME:VERSION`.
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self {
            reference: format!("{name}:{version}"),
            version: version.to_owned(),
            blobs: BTreeMap::new(),
            images: Vec::new(),
        }
    }

    /// Adds the image of one platform.
    ///
    /// # Errors
    ///
    /// Never in practice: JSON of strings can be written.
    pub(super) fn add(&mut self, image: Manifest<'_>) -> Result<()> {
        let (platform, octets) = (image.platform, image.layer.octets);
        let config = self.keep(serde_json::to_vec(&image.config())?, CONFIG);
        let layer = self.keep(image.layer.packed, LAYER);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [layer],
        });
        let mut descriptor = self.keep(serde_json::to_vec(&manifest)?, MANIFEST);
        let architecture = json!({ "architecture": platform.name(), "os": "linux" });
        if let Some(fields) = descriptor.as_object_mut() {
            fields.insert("platform".to_owned(), architecture);
        }
        self.images.push((platform, descriptor, octets));
        Ok(())
    }

    /// The digest of the whole: what a cluster pins.
    pub(super) fn digest(&self) -> String {
        digest(&self.index())
    }

    /// Platform, digest, and octets of all files, of each image.
    pub(super) fn images(&self) -> impl Iterator<Item = (Platform, &str, usize)> {
        self.images.iter().map(|(platform, descriptor, octets)| {
            let digest = descriptor.get("digest").and_then(Value::as_str);
            (*platform, digest.unwrap_or_default(), *octets)
        })
    }

    /// Writes the archive beside `path`, then renames it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, self.pack()?)?;
        fs::rename(unfinished, path)?;
        Ok(())
    }

    /// The octets of the archive.
    pub(super) fn pack(&self) -> Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        let index = self.index();
        let mut put = |path: &str, content: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content)
        };
        put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        put("index.json", &self.entry(&index))?;
        put(&blob_path(&digest(&index)), &index)?;
        for (digest, blob) in &self.blobs {
            put(&blob_path(digest), blob)?;
        }
        Ok(tar.into_inner()?)
    }

    /// The list of platforms.
    fn index(&self) -> Vec<u8> {
        let manifests: Vec<_> = self
            .images
            .iter()
            .map(|(_, descriptor, _)| descriptor)
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        index.to_string().into_bytes()
    }

    /// The entry of the layout: which image it has, and its name.
    fn entry(&self, index: &[u8]) -> Vec<u8> {
        let descriptor = json!({
            "mediaType": INDEX,
            "digest": digest(index),
            "size": index.len(),
            "annotations": {
                // Read by containerd.
                "io.containerd.image.name": self.reference,
                "org.opencontainers.image.ref.name": self.version,
            },
        });
        let entry = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
        entry.to_string().into_bytes()
    }

    /// Keeps a blob and returns its descriptor.
    fn keep(&mut self, blob: Vec<u8>, kind: &str) -> Value {
        let digest = digest(&blob);
        let descriptor = json!({ "mediaType": kind, "digest": digest, "size": blob.len() });
        self.blobs.insert(digest, blob);
        descriptor
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::layer::{File, Layer};
    use super::super::source::Source;
    use super::*;

    fn archive() -> Archive {
        let source = Source::example();
        let mut archive = Archive::new("localhost/fivedots", "1.2.3");
        for platform in Platform::ALL {
            let program = File::program("bin/fivedots", platform.name().into());
            let layer = Layer::of(&[program], 0).unwrap();
            archive
                .add(Manifest { platform, layer, source: &source })
                .unwrap();
        }
        archive
    }

    fn files(archive: &Archive) -> BTreeMap<String, Vec<u8>> {
        let packed = archive.pack().unwrap();
        let mut tar = tar::Archive::new(packed.as_slice());
        let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        };
        tar.entries().unwrap().map(read).collect()
    }

    /// Follows the descriptors from the entry to the layers, as a runtime does.
    #[test]
    fn each_descriptor_leads_to_its_blob() {
        let archive = archive();
        let files = files(&archive);
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let content = &files[&blob_path(digest)];
            assert_eq!(super::digest(content), digest);
            assert_eq!(descriptor["size"], content.len());
            content
        };
        let parsed = |octets: &[u8]| serde_json::from_slice::<Value>(octets).unwrap();
        let entry = parsed(&files["index.json"]);
        let name = &entry["manifests"][0]["annotations"]["io.containerd.image.name"];
        assert_eq!(name, "localhost/fivedots:1.2.3");
        assert_eq!(entry["manifests"][0]["digest"], archive.digest());
        let index = parsed(blob(&entry["manifests"][0]));
        let images = index["manifests"].as_array().unwrap();
        let arches: Vec<_> = images
            .iter()
            .map(|image| &image["platform"]["architecture"])
            .collect();
        assert_eq!(arches, ["amd64", "arm64"]);
        for image in images {
            let manifest = parsed(blob(image));
            let config = parsed(blob(&manifest["config"]));
            assert_eq!(config["architecture"], image["platform"]["architecture"]);
            let mut tar = Vec::new();
            flate2::read::GzDecoder::new(blob(&manifest["layers"][0]).as_slice())
                .read_to_end(&mut tar)
                .unwrap();
            assert_eq!(config["rootfs"]["diff_ids"][0], digest(&tar));
        }
        // The layout, its entry, the index, and three for each platform.
        assert_eq!(files.len(), 3 + 2 * 3);
    }

    #[test]
    fn two_builds_have_one_digest() {
        assert_eq!(archive().digest(), archive().digest());
        assert_eq!(archive().pack().unwrap(), archive().pack().unwrap());
    }
}
