%% The messaging cases in Erlang: `erl -run erlang_peer main CASE COUNT` prints one figure.
-module(erlang_peer).
-export([main/1]).

-define(MEMBERS, 1000).

main([Case, Count]) ->
    io:format("~f~n", [float(measure(Case, list_to_integer(Count)))]),
    halt(0).

measure("tell", Count) ->
    Self = self(),
    Sink = spawn(fun() -> sink(Count, Self) end),
    rate(Count, fun() ->
        times(Count, fun(Number) -> Sink ! Number end),
        receive done -> ok end
    end);
measure("ask", Count) ->
    Echo = spawn(fun echo/0),
    rate(Count, fun() -> times(Count, fun(Number) -> ask(Echo, Number) end) end);
measure("ask64", Count) ->
    Echo = spawn(fun echo/0),
    Each = Count div 64,
    rate(Each * 64, fun() ->
        Askers = [spawn_monitor(fun() -> times(Each, fun(Number) -> ask(Echo, Number) end) end)
                  || _ <- lists:seq(1, 64)],
        ended(Askers)
    end);
measure("ring", Hops) ->
    Self = self(),
    Members = [spawn(fun() -> member(Self) end) || _ <- lists:seq(1, ?MEMBERS)],
    Successors = tl(Members) ++ [hd(Members)],
    [Member ! {follow, Successor} || {Member, Successor} <- lists:zip(Members, Successors)],
    rate(Hops, fun() ->
        hd(Members) ! Hops,
        receive done -> ok end
    end);
measure("spawn", Count) ->
    rate(Count, fun() ->
        Echoes = [spawn_monitor(fun echo/0) || _ <- lists:seq(1, Count)],
        [Echo ! stop || {Echo, _} <- Echoes],
        ended(Echoes)
    end);
measure("idle", Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Echoes = [spawn(fun echo/0) || _ <- lists:seq(1, Count)],
    timer:sleep(200),
    (erlang:memory(processes) - Before) / length(Echoes).

sink(1, Teller) -> receive _ -> Teller ! done end;
sink(Left, Teller) -> receive _ -> sink(Left - 1, Teller) end.

echo() ->
    receive
        {Asker, Ref, Message} -> Asker ! {Ref, Message}, echo();
        stop -> ok
    end.

ask(Echo, Message) ->
    Ref = make_ref(),
    Echo ! {self(), Ref, Message},
    receive {Ref, Answer} -> Answer end.

member(Starter) -> receive {follow, Successor} -> member(Starter, Successor) end.

member(Starter, Successor) ->
    receive
        0 -> Starter ! done;
        Left -> Successor ! Left - 1
    end,
    member(Starter, Successor).

ended(Monitored) -> [receive {'DOWN', Monitor, _, _, _} -> ok end || {_, Monitor} <- Monitored].

times(0, _) -> ok;
times(Count, Do) -> Do(Count), times(Count - 1, Do).

rate(Count, Do) ->
    Begun = erlang:monotonic_time(nanosecond),
    Do(),
    Count * 1.0e9 / (erlang:monotonic_time(nanosecond) - Begun).
