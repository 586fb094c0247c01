-- State machines are rows: read by C++, printed for people.
BEGIN;
SET search_path = public, pg_temp;
SELECT plan(17);
SELECT tenfold._declare_moves('door', 'door', '{[*]}', 'make', 'closed', 'carpenter');
SELECT tenfold._declare_moves('door', 'door', '{closed,locked}', 'kick', 'broken', 'thief', 'a noise');
SELECT tenfold._declare_moves('door', 'door', '{closed}', 'lock', 'locked', 'owner');
SELECT is(tenfold.next_state('door', '[*]', 'make'), 'closed', 'a move');
SELECT is(tenfold.next_state('door', 'locked', 'kick'), 'broken', 'the same from two states');
SELECT is(tenfold.next_state('door', 'locked', 'lock'), NULL, 'what is no row is no move');
SELECT is(tenfold.next_state('door', 'open', 'kick'), NULL, 'an unknown state has none');
SELECT is(tenfold.next_state('door', NULL, 'kick'), NULL, 'NULL neither');
SELECT throws_ok($$SELECT tenfold.next_state('window', 'closed', 'kick')$$, '22023', NULL, 'an unknown machine is an error');
UPDATE tenfold.state_machine SET to_state = 'open' WHERE machine = 'door' AND event = 'lock';
SELECT is(tenfold.next_state('door', 'closed', 'lock'), 'open', 'a change counts at once');
SELECT is(tenfold.print_state_machine('door'), E'stateDiagram-v2\n  [*] --> closed: make\n  closed --> broken: kick\n  locked --> broken: kick\n  closed --> open: lock', 'as Mermaid');
SELECT is(tenfold.print_state_machine('door', 'table'), E'| from | on | to | by | also writes |\n|---|---|---|---|---|\n| – | make | closed | carpenter |  |\n'
  '| closed | kick | broken | thief | a noise |\n| locked | kick | broken | thief | a noise |\n| closed | lock | open | owner |  |', 'as a table');
SELECT throws_ok($$SELECT tenfold.print_state_machine('window')$$, '22023', NULL, 'of none there is nothing to print');
SELECT throws_ok($$SELECT tenfold.print_state_machine('door', 'png')$$, '22023', NULL, 'in an unknown format neither');
SELECT throws_ok($$SELECT tenfold._declare_moves('door', 'door', '{closed}', 'lock', 'locked', 'owner')$$, '23505', NULL, 'one event leads to one state');
SELECT throws_ok($$SELECT tenfold._declare_moves('door', 'door', '{Closed}', 'x', 'y', 'owner')$$, '23514', NULL, 'names are words');
SELECT tenfold._forget_state_machines('door');
SELECT is_empty($$SELECT FROM tenfold.state_machine WHERE module = 'door'$$, 'forgotten');
SELECT ok(NOT has_function_privilege('tenfold_anonymous', 'tenfold.next_state(text, text, text)', 'EXECUTE'), 'nobody asks without a right');
SELECT is(tenfold._canonical_json('{"b": [1.0, 1e2, -0.50, 0e9], "a": {"z": null, "é": "\u00e9"}, "": true}'), '{"":true,"a":{"z":null,"é":"é"},"b":[1,1e2,-5e-1,0]}', 'one text for all that say the same');
SELECT throws_ok($$SELECT tenfold._canonical_json('{"a": {"b": 1, "b": 1}}')$$, '22023', NULL, 'a member twice is an error');
SELECT * FROM finish();
ROLLBACK;
