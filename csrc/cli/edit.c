/* edit: see edit.h. */
#include "cli/edit.h"

#if defined(XIO_EDIT) && XIO_EDIT

#include <dlfcn.h>
#include <histedit.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

enum { PROMPT_BYTES_MAX = 256, HISTORY_LINES = 1000, COLUMNS_DEFAULT = 80 };

/* What is used of the library. */
typedef struct library {
  EditLine *(*el_init)(const char *, FILE *, FILE *, FILE *);
  void (*el_end)(EditLine *);
  const char *(*el_gets)(EditLine *, int *);
  int (*el_set)(EditLine *, int, ...);
  const LineInfo *(*el_line)(EditLine *);
  int (*el_insertstr)(EditLine *, const char *);
  int (*el_source)(EditLine *, const char *);
  History *(*history_init)(void);
  void (*history_end)(History *);
  int (*history)(History *, HistEvent *, int, ...);
} library;

/* The terminal is the process's. */
static struct {
  library call;
  EditLine *el; /* NULL: not open */
  History *history;
  lua_State *L; /* while a key is taken */
  bool begun;
  char prompt[PROMPT_BYTES_MAX];
} editor;

static const char complete_key = 0; /* its address finds the function in the registry */
static const char file_key = 0;     /* and the file of the history */

/* -- what the library calls ---------------------------------------------------------- */

static char *give_prompt(EditLine *el) {
  (void)el;
  return editor.prompt;
}

static int columns(void) {
  struct winsize size = {.ws_col = 0};
  (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  return size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

/* Writes the list of names at the top below the line, in columns. */
static void show_names(lua_State *L) {
  int count = (int)lua_rawlen(L, -1);
  int width = 0;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    int length = (int)lua_rawlen(L, -1);
    if (length + 2 > width) width = length + 2;
    lua_pop(L, 1);
  }
  int in_row = width > 0 ? columns() / width : 1;
  if (in_row < 1) in_row = 1;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    const char *name = lua_tostring(L, -1);
    (void)fprintf(stdout, "%s%-*s", (i - 1) % in_row == 0 ? "\n" : "", width,
                  name != NULL ? name : "");
    lua_pop(L, 1);
  }
  (void)fputs("\n", stdout);
  (void)fflush(stdout);
}

/* complete(text before the cursor), protected: pushes what is to be inserted, and the
 * names. */
static bool ask_for_names(lua_State *L, const LineInfo *line) {
  if (!lua_checkstack(L, LUA_MINSTACK)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &complete_key);
  lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
  return lua_pcall(L, 1, 2, 0) == LUA_OK && lua_isstring(L, -2) && lua_istable(L, -1);
}

/* The key TAB. Nothing that Lua raises may pass the library. */
static unsigned char on_complete(EditLine *el, int key) {
  lua_State *L = editor.L;
  (void)key;
  if (L == NULL) return CC_ERROR;
  int top = lua_gettop(L);
  unsigned char what = CC_REFRESH_BEEP;
  if (ask_for_names(L, editor.call.el_line(el)) && lua_rawlen(L, -1) > 0) {
    const char *text = lua_tostring(L, -2);
    if (text[0] != '\0') {
      what = editor.call.el_insertstr(el, text) == 0 ? CC_REFRESH : CC_ERROR;
    } else if (lua_rawlen(L, -1) > 1) {
      show_names(L);
      what = CC_REDISPLAY;
    }
  }
  lua_settop(L, top);
  return what;
}

/* -- opening ------------------------------------------------------------------------- */

static bool find(void *handle, const char *name, void *place) {
  void *found = dlsym(handle, name);
  memcpy(place, &found, sizeof found);
  return found != NULL;
}

static bool load_library(library *to) {
  static const char *const names[] = {"libedit.so.2", "libedit.so.0", "libedit.so",
                                      "libedit.3.dylib", NULL};
  void *handle = NULL;
  for (int i = 0; names[i] != NULL && handle == NULL; i++) {
    handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  }
  return handle != NULL && find(handle, "el_init", &to->el_init) &&
         find(handle, "el_end", &to->el_end) && find(handle, "el_gets", &to->el_gets) &&
         find(handle, "el_set", &to->el_set) && find(handle, "el_line", &to->el_line) &&
         find(handle, "el_insertstr", &to->el_insertstr) &&
         find(handle, "el_source", &to->el_source) &&
         find(handle, "history_init", &to->history_init) &&
         find(handle, "history_end", &to->history_end) &&
         find(handle, "history", &to->history);
}

static void open_history(const char *file) {
  HistEvent event;
  editor.history = editor.call.history_init();
  if (editor.history == NULL) return;
  (void)editor.call.history(editor.history, &event, H_SETSIZE, HISTORY_LINES);
  (void)editor.call.history(editor.history, &event, H_SETUNIQUE, 1);
  if (file != NULL) (void)editor.call.history(editor.history, &event, H_LOAD, file);
  (void)editor.call.el_set(editor.el, EL_HIST, editor.call.history, editor.history);
}

/* The library (3.1) keeps two strings of the function, and does not free them. */
static void add_completion(void) {
#if defined(__SANITIZE_ADDRESS__)
  __lsan_disable();
#endif
  (void)editor.call.el_set(editor.el, EL_ADDFN, "xio-complete", "Complete a name",
                           on_complete);
#if defined(__SANITIZE_ADDRESS__)
  __lsan_enable();
#endif
}

static int l_open(lua_State *L) {
  const char *file = luaL_optstring(L, 1, NULL);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &complete_key);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &file_key);
  lua_pushboolean(L, 0);
  if (editor.el != NULL || isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    return 1;
  }
  if (!load_library(&editor.call)) return 1;
  editor.el = editor.call.el_init("xio", stdin, stdout, stderr);
  if (editor.el == NULL) return 1;
  (void)editor.call.el_set(editor.el, EL_PROMPT, give_prompt);
  (void)editor.call.el_set(editor.el, EL_EDITOR, "emacs");
  (void)editor.call.el_set(editor.el, EL_SIGNAL, 0);
  add_completion();
  (void)editor.call.el_set(editor.el, EL_BIND, "^I", "xio-complete", NULL);
  (void)editor.call.el_set(editor.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  open_history(file);
  (void)editor.call.el_source(editor.el, NULL); /* the user's own bindings */
  lua_pushboolean(L, 1);
  return 1;
}

/* -- lines --------------------------------------------------------------------------- */

static void stop(void) {
  if (!editor.begun) return;
  editor.begun = false;
  (void)editor.call.el_set(editor.el, EL_UNBUFFERED, 0);
}

static int l_begin(lua_State *L) {
  (void)snprintf(editor.prompt, sizeof editor.prompt, "%s", luaL_checkstring(L, 1));
  stop(); /* the line of a run that has failed meanwhile is dropped */
  (void)fflush(stdout);
  editor.begun = true;
  (void)editor.call.el_set(editor.el, EL_UNBUFFERED, 1);
  return 0;
}

static int l_stop(lua_State *L) {
  (void)L;
  stop();
  return 0;
}

static int push_end(lua_State *L) {
  stop();
  lua_pushnil(L);
  lua_pushboolean(L, 1);
  return 2;
}

static int l_feed(lua_State *L) {
  enum { END_KEY = 4 /* control-D, which an empty line consists of then */ };
  int available = 0;
  int count = 0;
  if (ioctl(STDIN_FILENO, FIONREAD, &available) != 0 || available <= 0)
    return push_end(L);
  editor.L = L;
  const char *line = editor.call.el_gets(editor.el, &count);
  editor.L = NULL;
  if (line == NULL || count <= 0) return 0;
  if (count == 1 && line[0] == END_KEY) return push_end(L);
  char last = line[count - 1];
  if (last != '\n' && last != '\r') return 0;
  lua_pushlstring(L, line, (size_t)count - 1);
  stop();
  return 1;
}

static int l_resume(lua_State *L) {
  (void)L;
  if (!editor.begun) return 0;
  (void)editor.call.el_set(editor.el, EL_PREP_TERM, 1);
  (void)editor.call.el_set(editor.el, EL_REFRESH);
  return 0;
}

static int l_remember(lua_State *L) {
  const char *line = luaL_checkstring(L, 1);
  HistEvent event;
  if (editor.history == NULL || line[strspn(line, " \t")] == '\0') return 0;
  (void)editor.call.history(editor.history, &event, H_ENTER, line);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &file_key) != LUA_TSTRING) return 0;
  mode_t mask = umask(S_IRWXG | S_IRWXO); /* the file is the user's alone */
  (void)editor.call.history(editor.history, &event, H_SAVE, lua_tostring(L, -1));
  (void)umask(mask);
  return 0;
}

void xio_edit_push(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"open", l_open},     {"begin", l_begin},       {"feed", l_feed}, {"stop", l_stop},
      {"resume", l_resume}, {"remember", l_remember}, {NULL, NULL}};
  luaL_newlib(L, functions);
}

void xio_edit_close(void) {
  if (editor.el == NULL) return;
  stop();
  editor.call.el_end(editor.el);
  if (editor.history != NULL) editor.call.history_end(editor.history);
  editor.el = NULL;
  editor.history = NULL;
}

#else

void xio_edit_push(lua_State *L) {
  lua_pushnil(L);
}

void xio_edit_close(void) {
}

#endif
