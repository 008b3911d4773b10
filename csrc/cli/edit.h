/* edit: lines from a terminal, with editing keys, a history and completion.
 *
 * libedit does it, through its own interface, one key at a time, so that the loop waits
 * in between. It is looked for when the prompt opens rather than linked, since each
 * library would make every start of the program slower; where it was not at hand when
 * this was compiled (XIO_EDIT), or is not when this runs, the prompt reads plain lines.
 * There is one terminal and so one editor. The thread that runs Lua. */
#ifndef XIO_CLI_EDIT_H
#define XIO_CLI_EDIT_H

#include <lua.h>

/* Pushes a table of functions for xio.repl, or nil where there can be no editor:
 *   open(history, complete)  begins; `history` is a file or nil; `complete` gives what is
 *                            to be inserted and a list of names for the text before
 *                            the cursor. False: it cannot edit here.
 *   begin(prompt)            shows the prompt and an empty line, and takes keys from then
 *   feed()                   takes the key that is there: a line when it is complete;
 *                            nil, true at the end of the input; else nothing
 *   stop()                   gives the terminal back; harmless where it has it
 *   resume()                 takes it again and shows the line, after the process stopped
 *   remember(line)           adds a line to the history */
void xio_edit_push(lua_State *L);

/* Gives the terminal back and lets the editor go. Harmless where there is none. */
void xio_edit_close(void);

#endif
