# Completion of xio's command line for bash.

_xio() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do # behind the script all words are its arguments
    case ${COMP_WORDS[i]} in
      -e | -l | --watchdog | --trace) ((i++)) ;;
      = | -*) ;;
      *)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
  done
  case $previous in
    -e | -l | --watchdog) return ;;
    --trace) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *)
      if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "-e -i -l -v -E -W -- - --watchdog --trace \
          --stock-io --version --help" -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -f -X '!*.lua' -- "$current"
          compgen -d -S / -- "$current")
        compopt -o nospace 2>/dev/null
      fi
      ;;
  esac
}

complete -o filenames -F _xio xio
