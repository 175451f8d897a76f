//! What is behind the gate, as the settings say.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Settings;
use crate::error::Error;
use crate::gateway::files::Folder;
use crate::gateway::keyring::Keyring;
use crate::gateway::session_key;
use crate::gateway::upstream::Upstream;
use crate::store;

/// What is behind the gate.
#[derive(Clone, Debug)]
pub enum Behind {
    /// An application.
    Upstream(Arc<Upstream>),
    /// A folder.
    Folder(Arc<Folder>),
    /// Nothing yet: a page says who you are to Innkeeper.
    Nothing,
}

impl Behind {
    /// The app or the folder, the app first.
    ///
    /// # Errors
    /// An app or folder that cannot be.
    pub(super) fn of(settings: &Settings) -> Result<Self, Error> {
        match (&settings.upstream, &settings.root) {
            (Some(place), _) => {
                let upstream = Upstream::new(place.clone(), settings.limits.connect_timeout)?;
                Ok(Self::Upstream(Arc::new(upstream)))
            }
            (None, Some(root)) => Ok(Self::Folder(Arc::new(Folder::open(root)?.without(private(settings))))),
            (None, None) => Ok(Self::Nothing),
        }
    }
}

/// The files with which anybody could come in, or learn who does: `root: .` is the folder of the settings.
pub(super) fn private(settings: &Settings) -> Vec<PathBuf> {
    let mut paths = vec![
        settings.file.clone(),
        settings.folder.join("whitelist.txt"),
        settings.folder.join(session_key::NAME),
        settings.access_log_path(),
        settings.audit_path(),
        settings.data_root.join(store::FOLDER),
        // Where `cert create` puts the keys, perhaps while this server runs.
        settings.beside("certs"),
    ];
    if settings.ssl.enabled {
        let served = Keyring::of(&settings.ssl.cert_path, &settings.ssl.key_path);
        paths.extend([served.key, served.authority_key]);
        paths.extend(settings.ssl.certificates.iter().map(|other| other.key_path.clone()));
    }
    paths.extend(settings.audit.combined.clone());
    paths
}
