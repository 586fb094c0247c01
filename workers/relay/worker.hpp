// Postgres to Kafka, exactly once: the events of the log, as its consumer `kafka:NAME`. NAME (relay.name) is
// also the transactional.id, so that the newest relay of a name fences the others. `session` has what waits
// for the broker, on a thread of its own; `marker` decides, and is pure.
//
// 1. Makes the topics that Kafka lacks, and `tenfold.relay.NAME`, under whose name the marker stands.
// 2. init_transactions: fences who was before, and ends the transaction that he left open.
// 3. Reads the marker: the group's committed offset, by a second consumer that joins nothing and waits for
// pending
//    transactions. The offset is the last tick that Kafka has; its metadata names the database and the tick's
//    content.
// 4. Holds it against the database. Ticks up to it are only finished.
// 5. For each batch: begin, produce, the new marker into the same transaction, commit, finish_relay_batch().
//    The next one is read meanwhile.
//
// After any failure a new session begins, at 1. What Kafka will never take (too large) becomes a dead letter
// before the batch is sent again without it. Redriven events belong to no tick: they go under a number that
// is noted in Postgres first, and that the marker repeats. Headers: event_id, tick, and the event's own
// (trace_id). Key to partition is as Java's clients have it.
//
// It refuses to go on where Kafka and the database tell two stories: the marker is gone, is another
// database's, is behind the database, or names a tick that this database has not, or has otherwise (it was
// put back, or failed over to a standby that lacked something), or does not know a set of redriven events
// that Kafka has. The log, tenfold_relay_refuses and tenfold.relay_status say so; an operator ends it by
// tenfold.adopt_kafka_marker(). A standby that had everything just goes on.
//
// Connections come back by themselves, to whoever took over: so each batch must begin at the marker, and end
// at the very tick that was sent, else a new session begins, which looks.
#pragma once

#include "daemon/worker.hpp"

namespace tenfold::relay {

sidecar::Worker worker();

}  // namespace tenfold::relay
