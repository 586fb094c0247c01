#include "kernel/state_machine.hpp"

#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/spi.hpp"
#include "pg/table_copy.hpp"

namespace pg = tenfold::pg;
using tenfold::StateMachines;

namespace {

void read_moves(StateMachines& machines) {
  static pg::spi::Query query("SELECT machine, from_state, event, to_state FROM tenfold.state_machine");
  pg::spi::for_each(query, [&](const pg::spi::Row& row) {
    machines.add({row.required<std::string_view>(0), row.required<std::string_view>(1),
                  row.required<std::string_view>(2), row.required<std::string_view>(3)});
  });
}

pg::TableCopy<StateMachines, read_moves> machines("tenfold", "state_machine");

}  // namespace

TF_FUNCTION(tf_next_state) {
  const auto known = machines.current();
  const auto to =
      known
          ->next(args.get<std::string_view>(0, "machine"), args.get<std::string_view>(1, "from_state"),
                 args.get<std::string_view>(2, "event"))
          .value();
  return to ? pg::datum(*to) : args.null();
}
