-- PostgREST leaves '' in a setting after the transaction that had it.
CREATE OR REPLACE FUNCTION tenfold.current_subject() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
COMMENT ON FUNCTION tenfold.current_subject IS 'who is asking: the subject of the request''s JWT, NULL outside a request';
