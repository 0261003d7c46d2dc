from common.routing import either
from executions.unsubscribing.views import preferences_page, unsubscribe_page

urlpatterns = [
    *either("u/<str:token>", unsubscribe_page, name="unsubscribe"),
    *either("preferences/<str:token>", preferences_page, name="preferences"),
]
