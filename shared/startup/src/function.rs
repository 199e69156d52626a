//! Start-up of a function's own binary, from its environment.

use std::path::PathBuf;

use deskwire_secrets::{Environment, Secrets};

use crate::{Deskwire, Settings, StartError, read_project, start};

/// Starts a function on the embedded store.
///
/// - `DESKWIRE_DATA`: the data folder.
/// - `DESKWIRE_PROJECT`: the project folder; the current one unless set.
/// - `DESKWIRE_ALLOW_LOOPBACK`: `1` lets connections lead to this machine, as `--allow-loopback` does.
pub async fn from_environment(variables: Environment) -> Result<Deskwire, StartError> {
    let data = variables("DESKWIRE_DATA").filter(|data| !data.is_empty()).ok_or_else(|| {
        StartError::Environment(
            "DESKWIRE_DATA is not set: this version keeps its state in a data folder, so set it to one (the stores of \
             AWS come with the deployment to AWS)"
                .to_owned(),
        )
    })?;
    let project = PathBuf::from(variables("DESKWIRE_PROJECT").unwrap_or_else(|| ".".to_owned()));
    let settings = Settings {
        data: Some(PathBuf::from(data)),
        allow_loopback: variables("DESKWIRE_ALLOW_LOOPBACK").as_deref() == Some("1"),
        stand_ins: None,
        apply: true,
        leave_out: false,
    };
    let files = read_project(&project)?;
    start(&settings, &files, &Secrets::new(&project, variables)).await
}
