import Foundation

/// A whole number with commas between its thousands: 1,601.
package func grouped(_ number: Int) -> String { number.formatted(.number.locale(Locale(identifier: "en_US"))) }
