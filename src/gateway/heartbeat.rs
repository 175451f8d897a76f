//! SillyTavern's heartbeat file, by which a container's health check sees that the program lives.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// SillyTavern's `heartbeat.json`, by which a container's health check sees that the program lives.
pub struct Heartbeat {
    every: Option<Duration>,
    file: PathBuf,
}

impl Heartbeat {
    /// Every `seconds`; 0 and less for none.
    #[must_use]
    pub fn of(seconds: f64, data_root: &Path) -> Self {
        let every = Duration::try_from_secs_f64(seconds).ok().filter(|every| !every.is_zero());
        Self { every, file: data_root.join("heartbeat.json") }
    }

    /// Writes the file again and again, for as long as the server runs.
    pub async fn beat(self) {
        let Some(every) = self.every else { return };
        let mut every = tokio::time::interval(every.max(Duration::from_millis(100)));
        loop {
            every.tick().await;
            let text = format!("{{\"timestamp\": {}}}", jiff::Timestamp::now().as_millisecond());
            if let Some(folder) = self.file.parent() {
                let _ = tokio::fs::create_dir_all(folder).await;
            }
            // The file's age is the message: who reads it sees a write that failed.
            let _ = tokio::fs::write(&self.file, text).await;
        }
    }
}
