-- equivalent: flips of tools/mutate that change nothing that anybody can see, each with the
-- reason. `text` is a part of the line, `from` and `to` are as the tool prints them.
return {
}
