-- EXECUTE by name only. Members of the extension were closed by its script.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA tenfold FROM PUBLIC;

GRANT USAGE ON SCHEMA tenfold TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold.version(), tenfold.current_subject(), tenfold.request_claims(), tenfold.caller_role()
  TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.error_code TO tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold._error_codes() TO tenfold_anonymous, tenfold_worker;
GRANT SELECT ON tenfold.installed, tenfold.module, tenfold.migration, tenfold.scheduled_job, tenfold.scheduled_job_status TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._job_runs(), tenfold.doctor(), tenfold._doctor_server(), tenfold._doctor_extensions(),
  tenfold._doctor_versions(), tenfold._doctor_jobs(), tenfold._preloaded(), tenfold._role_names() TO tenfold_operator;
GRANT SELECT ON tenfold.account_status, tenfold.stat_limiter, tenfold.stat_cache TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._limiter_counts(), tenfold._cache_counts(), tenfold._cache_touch(text[]), tenfold.cache_clear(text), tenfold.take_permit(text, text, int) TO tenfold_operator;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenfold.rate_class TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold._relation_changed(bigint) TO tenfold_operator;
GRANT EXECUTE ON FUNCTION tenfold.grant_role(text, text) TO tenfold_operator;

-- The front door logs in as tenfold_authenticator, reads the routes, and becomes the role of each request's token.
GRANT USAGE ON SCHEMA tenfold TO tenfold_authenticator;
GRANT SELECT ON tenfold.route, tenfold.api_schema TO tenfold_authenticator, tenfold_anonymous, tenfold_worker;
GRANT USAGE ON SCHEMA tenfold_api TO tenfold_authenticator, tenfold_anonymous, tenfold_worker;
GRANT EXECUTE ON FUNCTION tenfold_api.pre_request() TO tenfold_anonymous, tenfold_worker;
SELECT tenfold._open_routes('kernel');
