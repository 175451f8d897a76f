//! A text as a QR code, for a phone to scan from the terminal.

use std::io;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::{Colour, print};

/// Prints `text` to stdout as a QR code of half-block characters, with the four modules of quiet around it that ISO
/// 18004 asks for. Nothing where the text is too long for one.
pub fn code(text: &str) {
    let colour = Colour::of(&io::stdout());
    print(&drawn(text, colour).unwrap_or_default());
}

/// With colours it is black on white, whatever the terminal's own are. Without, blocks are the light modules: black on
/// white on a dark terminal, and on a light one the other way round, which scanners read as well.
fn drawn(text: &str, colour: Colour) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let (dark, light) = match colour {
        Colour::On => (Dense1x2::Dark, Dense1x2::Light),
        Colour::Off => (Dense1x2::Light, Dense1x2::Dark),
    };
    let image = code.render::<Dense1x2>().dark_color(dark).light_color(light).quiet_zone(true).build();
    let lines = image.lines().map(|line| match colour {
        // Of the 256 fixed colours, as the first 16 are what the owner has made of them.
        Colour::On => format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m\n"),
        Colour::Off => format!("{line}\n"),
    });
    Some(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "http://192.168.0.2:8000/.innkeeper/trust";

    #[test]
    fn the_same_modules_with_and_without_colours() {
        let plain = drawn(PAGE, Colour::Off).unwrap();
        let inverse = |block: char| match block {
            ' ' => '█',
            '█' => ' ',
            '▀' => '▄',
            '▄' => '▀',
            other => other,
        };
        let coloured: String = drawn(PAGE, Colour::On)
            .unwrap()
            .replace("\x1b[38;5;16;48;5;231m", "")
            .replace("\x1b[0m", "")
            .chars()
            .map(inverse)
            .collect();
        // A last half line has nothing below it in either.
        let whole =
            |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>().split_last().unwrap().1.to_vec();
        assert_eq!(whole(&plain), whole(&coloured));
        // Four modules of quiet: two lines above, four columns to the left.
        for line in plain.lines().take(2) {
            assert!(line.chars().all(|block| block == '█'), "{line}");
        }
        for line in plain.lines().skip(2).take(10) {
            assert!(line.starts_with("████") && line.ends_with("████"), "{line}");
        }
    }

    #[test]
    fn no_code_for_too_much() {
        assert_eq!(drawn(&"x".repeat(10_000), Colour::Off), None);
    }
}
