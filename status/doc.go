// Package status says how a pool is doing: a [Snapshot] of it, the page that
// php-fpm would show for it in any of five formats ([Page]), the answer to a
// ping ([AppendPing]), and the counters and histograms behind both and behind
// the metrics of package status/collector.
//
// Without further ado a page is php-fpm 8.2's, byte for byte, so that every
// exporter, agent and script written for php-fpm reads it. Fields of our own
// follow php-fpm's only when the query asks for them with the key anyfpm.
package status
