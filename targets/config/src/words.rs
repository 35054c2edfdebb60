//! Free text: words separated by white space, as on a kernel command line.

use crate::sink::Sink;

/// Hands each word to `sink`. A zero byte ends the text, and what is not UTF-8 is no word.
pub fn read(text: &[u8], sink: &mut dyn Sink) {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.for_each(|word| sink.word(str::from_utf8(word).unwrap_or("(not UTF-8)")));
}
