use super::Named;
use crate::commands::sources::{Sources, Speech};
use crate::error::{Error, Exit};
pub fn set(_: &Sources<'_>, _: Named, _: &str, _: bool, _: Speech) -> Result<Exit, Vec<Error>> {
    Ok(Exit::Yes)
}
