//! Figures for people: three digits, with the unit that fits.

/// A time from nanoseconds: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`.
pub fn time(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    let (factor, unit) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..999_500 => (1e3, "µs"),
        999_500..999_500_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{} {unit}", digits(value / factor))
}

/// A number of things: `950`, `12,345`, `1.23 M`.
pub fn count(number: u64) -> String {
    if number < 1_000_000 { grouped(number) } else { scaled(number as f64) }
}

/// Things per second: `0.50/s`, `12.3 k/s`.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", scaled(per_second))
}

/// Bytes: `20 B`, `1.50 KiB`, `3.20 GiB`.
pub fn bytes(number: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = units.iter().enumerate().rfind(|&(power, _)| number >= 1024_f64.powi(power as i32));
    let (power, unit) = step.unwrap_or((0, &units[0]));
    let value = number / 1024_f64.powi(power as i32);
    if power == 0 && value == value.round() {
        format!("{value:.0} {unit}")
    } else {
        format!("{} {unit}", digits(value))
    }
}

/// A share: `100 %`, `86.7 %`, `99.95 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 1e-9 {
        return format!("{percent:.0} %");
    }
    // Only what is whole may look so: 99.999 % is not 100 %, and each nine counts.
    let decimals = if (99.0..100.0).contains(&percent) { 3 } else { 1 };
    let step = 10_f64.powi(decimals);
    let cut = if percent < 100.0 { (percent * step).floor() / step } else { percent };
    format!("{cut:.*} %", decimals as usize)
}

/// A number with a factor of a thousand as a letter: `950`, `12.3 k`, `1.23 M`.
pub fn scaled(value: f64) -> String {
    let (factor, unit) = match value.abs() {
        large if large >= 999.5e6 => (1e9, " G"),
        large if large >= 999.5e3 => (1e6, " M"),
        large if large >= 999.5 => (1e3, " k"),
        _ => (1.0, ""),
    };
    let value = value / factor;
    if unit.is_empty() && value == value.round() { format!("{value:.0}") } else { format!("{}{unit}", digits(value)) }
}

/// Three digits.
fn digits(value: f64) -> String {
    let places = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.places$}")
}

fn grouped(number: u64) -> String {
    let text = number.to_string();
    let letters = text.char_indices().flat_map(|(at, letter)| {
        let comma = (at > 0 && (text.len() - at).is_multiple_of(3)).then_some(',');
        comma.into_iter().chain([letter])
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        let times = [0, 999, 1_000, 12_345, 999_499, 999_500, 4_560_000, 99_960_000, 999_500_000, 61_000_000_000];
        let told = times.map(time);
        let wanted =
            ["0 ns", "999 ns", "1.00 µs", "12.3 µs", "999 µs", "1.00 ms", "4.56 ms", "100 ms", "1.00 s", "61.0 s"];
        assert_eq!(told, wanted);
        assert_eq!([0, 999, 1000, 123_456, 1_234_567].map(count), ["0", "999", "1,000", "123,456", "1.23 M"]);
        assert_eq!([0.0, 20.0, 20.5, 1536.0, 1048576.0].map(bytes), ["0 B", "20 B", "20.5 B", "1.50 KiB", "1.00 MiB"]);
        assert_eq!([0.5, 30.0, 999.4, 1000.0, 2.5e6].map(rate), ["0.50/s", "30/s", "999/s", "1.00 k/s", "2.50 M/s"]);
    }

    #[test]
    fn nearly_all_does_not_look_like_all() {
        assert_eq!([0.0, 0.5, 1.0, 0.99999999, 1.25].map(percent), ["0 %", "50 %", "100 %", "99.999 %", "125 %"]);
        assert_eq!([0.14, 0.86667, 0.0004, 0.9895].map(percent), ["14 %", "86.6 %", "0.0 %", "98.9 %"]);
    }
}
