//! The figures: the paper's 4 to 6, one line for each amount, and how cost grows.

use plotters::prelude::{
    BLACK, BLUE, ChartBuilder, Circle, EmptyElement, IntoDrawingArea, IntoFont as _, IntoLogRange as _,
    LineSeries, PathElement, RED, RGBColor, SVGBackend, SeriesLabelPosition, WHITE,
};

use super::tables::modes;
use crate::error::BenchError;
use crate::results::Results;

const SIZE: (u32, u32) = (860, 480);
const COLOURS: [RGBColor; 6] =
    [BLUE, RED, RGBColor(0, 128, 64), RGBColor(160, 90, 0), RGBColor(120, 0, 140), RGBColor(80, 80, 80)];

/// A line of a figure.
#[derive(Debug)]
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Every figure: the name of its file, and the SVG.
pub(super) fn draw(results: &Results) -> Result<Vec<(String, String)>, BenchError> {
    let mut figures = Vec::new();
    for (file, phase, what) in [
        ("figure_4_setup.svg", "setup", "setup"),
        ("figure_5_transaction.svg", "transaction", "transaction"),
        ("figure_6_release.svg", "release", "release (unlocking alone)"),
    ] {
        let lines = phase_lines(results, phase);
        let svg = chart(file, &format!("Time of the {what} phase"), "seconds", &lines)?;
        figures.push((file.to_owned(), svg));
    }
    if !results.growth.is_empty() {
        let each = |name: &str, value: &dyn Fn(&crate::results::GrowthRow) -> f64| Line {
            name: name.to_owned(),
            points: results.growth.iter().map(|row| (f64::from(row.payments), value(row))).collect(),
        };
        let times = [
            each("paying, each", &|row| row.pay_s / f64::from(row.payments)),
            each("release, each", &|row| row.release_s / f64::from(row.payments)),
            each("the ledger's close, in all", &|row| row.close_s),
        ];
        figures.push((
            "growth_time.svg".to_owned(),
            chart("growth_time.svg", "Time over the payments of a channel", "seconds", &times)?,
        ));
        let sizes = [
            each("wallet's peak memory", &|row| number(row.wallet_peak_bytes)),
            each("vendor's peak memory", &|row| number(row.vendor_peak_bytes)),
            each("wallet's store", &|row| number(row.wallet_store_bytes)),
            each("vendor's store", &|row| number(row.vendor_store_bytes)),
            each("the ledger's record", &|row| number(row.record_bytes)),
        ];
        figures.push((
            "growth_size.svg".to_owned(),
            chart("growth_size.svg", "Sizes over the payments of a channel", "bytes", &sizes)?,
        ));
    }
    Ok(figures)
}

/// Exact up to 2⁵³, which is more than any machine has.
fn number(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) * 1_048_576.0
        + f64::from(u32::try_from(bytes & 0xf_ffff).unwrap_or_default())
}

/// One line for each amount of the in-process mode, and one for the largest amount of each other mode.
fn phase_lines(results: &Results, phase: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for mode in modes(results) {
        let rows: Vec<_> =
            results.phases.iter().filter(|row| row.mode == mode && row.phase == phase).collect();
        let mut amounts: Vec<u32> = rows.iter().map(|row| row.amount).collect();
        amounts.sort_unstable();
        amounts.dedup();
        if mode != "in_process" {
            amounts = amounts.last().copied().into_iter().collect();
        }
        for amount in amounts {
            let here = rows.iter().filter(|row| row.amount == amount);
            let mut points: Vec<(f64, f64)> =
                here.map(|row| (f64::from(row.payments), row.spread.median_s)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            lines.push(Line { name: format!("{mode}, {amount} $"), points });
        }
    }
    lines
}

/// A chart with logarithmic axes: counts and times both span several powers of ten.
fn chart(file: &str, title: &str, unit: &str, lines: &[Line]) -> Result<String, BenchError> {
    let failed = |reason: String| BenchError::Figure { figure: file.to_owned(), reason };
    let points = || lines.iter().flat_map(|line| &line.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)))
    };
    let (left, right) = range(&mut points().map(|(x, _)| *x));
    let (low, high) = range(&mut points().map(|(_, y)| *y));
    if points().next().is_none() {
        return Ok("<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n".to_owned());
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| failed(error.to_string()))?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20).into_font())
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(84)
            .build_cartesian_2d((left * 0.9..right * 1.1).log_scale(), (low * 0.7..high * 1.4).log_scale())
            .map_err(|error| failed(error.to_string()))?;
        chart
            .configure_mesh()
            .x_desc("payments in the channel")
            .y_desc(unit)
            .y_label_formatter(&|value| format!("{value:.0e}"))
            .x_label_formatter(&|value| format!("{value:.0}"))
            .draw()
            .map_err(|error| failed(error.to_string()))?;
        for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let own = || line.points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0);
            let colour = *colour;
            chart
                .draw_series(LineSeries::new(own(), colour))
                .map_err(|error| failed(error.to_string()))?
                .label(line.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
            chart
                .draw_series(own().map(|point| EmptyElement::at(point) + Circle::new((0, 0), 3, colour)))
                .map_err(|error| failed(error.to_string()))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()
            .map_err(|error| failed(error.to_string()))?;
        area.present().map_err(|error| failed(error.to_string()))?;
    }
    Ok(svg)
}
