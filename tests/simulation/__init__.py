"""Whole bots in simulated time, on a simulated network, before a simulated service.

All that is between the socket and the handler is the real thing. Only time, the network and the
service are made up: so hours pass in a second, anything may happen between any two events, and a
seed says what. ``world`` is the adversary, ``truth`` and ``speech`` are what must hold of handlers
and of what bots say by themselves, ``switched_off`` are the mechanisms by which it does.

What "Behaviour" in the design says, what must hold of it here, and without which mechanism (in
``switched_off``) this fails:

Once
    No message is handled twice in one life: handles_repeats, forgets_ids_at_once. What a handler
    sends takes effect once, though it runs again, and other words are not swallowed:
    derives_no_ids, derives_no_ids_from_keys, derives_ids_without_the_words. Two bots never share
    an id: derives_ids_without_the_bot.
In order
    Replies of a conversation take effect in the order of its messages: has_no_order,
    awaits_nothing. Tries end, not too early and not too late, and an outage counts for none:
    gives_up_at_once, never_gives_up, counts_outages.
Acknowledged when responsibility is taken
    READ comes after the handler or where none matches, DELIVERED after the dead letter is on
    disk: acknowledges_at_once, acknowledges_what_it_cannot_bury, acknowledges_nothing_unknown.
    What is lost of it is sent again: never_acknowledges_again. A dead letter that is to be
    replayed is handled: replays_nothing.
Backpressure without going deaf
    At hand is never more than the bounds, in all, of one conversation, in bytes: has_no_bound,
    has_no_bound_of_bytes. What was let go is asked for again: never_asks_again.
A bad frame is not a bad connection
    The line goes on, and the frame is counted: ends_the_line_for_a_bad_frame,
    counts_no_bad_frames.
Deadlines everywhere
    A handler that never ends is ended, in time and not before: has_no_deadline,
    cuts_handlers_short. A request without an answer is made again: lists_once. A stop ends in
    time: gives_no_grace.
Sends inside a handler are not stored, others are
    What was accepted is said once, in order, or was refused, whatever ends the process:
    keeps_no_outbox, takes_nothing_over, forgets_what_was_cancelled, takes_refused_for_sent,
    refuses_all_for_one. So are jobs, not before their time, and announcements: forgets_jobs,
    runs_jobs_early, forgets_announcements. The quota holds: has_no_quota. What is encrypted can
    be read though sessions change: takes_changed_sessions_for_success.
States
    A message sees the state as it was for that message, and nothing of it is lost:
    sees_the_newest_state, keeps_no_states.
Stop cleanly
    What was handled is acknowledged when a bot has stopped: flushes_nothing.
401 is final
    A bot ends when its session is revoked or its clock is off, and says which; no other 401, on
    the line or by REST, ends it, its outbox or its announcements: believes_no_401,
    knows_no_cause, believes_every_401, ends_the_outbox_by_a_401, ends_announcements_by_a_401.
    Any other loss: the other host, a pause, a fresh token: knows_one_host, waits_no_time,
    keeps_its_token.

What is not simulated: several processes of one session, JetStream, buttons, attachments, the
form of errors and what they keep to themselves; ``tests/wire`` and ``soak/`` have those.
"""
