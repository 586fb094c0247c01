// What a function that HTTP calls has without writing it.
#pragma once

namespace tenfold {

// For _PG_init. From then on a function of shape J is called only with a body that its route's schema takes,
// and an error that leaves a function of schema tenfold_api while a request is under way has the form in
// which PostgREST and the gateway answer with its status. There is no subtransaction: nothing is caught, the
// error only changes on its way.
void watch_endpoints();

}  // namespace tenfold
